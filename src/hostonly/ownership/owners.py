"""Owners of the providers' names of machines: each name belongs to one checkout.

A provider's name for a machine is unique on this machine: a folder of root's says whose it is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hostonly.errors import Taken
from hostonly.host.command import run
from hostonly.providers import provider_of
from hostonly.site import MachineSpec, Site


def owner(folder: Path) -> str | None:
    """Return the checkout that ``folder``, and so the machine of its name, belongs to.

    None where it is nobody's.
    """
    try:
        # An empty file was not written to its end.
        return (folder / "owner").read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def require_ours(site: Site, machine: MachineSpec) -> None:
    """Stop where the provider's name for ``machine`` is somebody else's.

    Raises:
        Taken: another checkout has it, or a machine that hostonly did not make.
    """
    name = machine.instance
    whose = owner(machine.folder)
    if whose not in (None, str(site.root)):
        raise Taken(
            f"a sandbox named {name} belongs to another checkout: {whose}",
            remedy="Destroy it there, or give sandbox.name (and the network section) other values here.",
        )
    if whose is None and provider_of(site, machine).exists:
        raise Taken(
            f"{provider_of(site, machine).kind} named {name} is already here, and hostonly did not make it",
            remedy="Give sandbox.name another value in invoke.yaml; the container was left alone.",
        )


def forgotten(site: Site) -> list[MachineSpec]:
    """List the machines of this checkout that the settings no longer name.

    They were taken out of ``machines:`` while they were there, or ``sandbox.name`` was another one.
    """
    known, folders = {machine.folder for machine in site.machines}, site.sandbox.folder.parent
    found = []
    for folder in sorted(folders.iterdir()) if folders.exists() else []:
        if folder not in known and owner(folder) == str(site.root):
            name = folder.name.rpartition("-")[2]
            noted = site.sandbox.vagrant_id.parents[2] / name / site.sandbox.provider / "id"
            found.append(
                replace(
                    site.sandbox, name=name, instance=folder.name, folder=folder, vagrant_id=noted
                )
            )
    return found


def release(site: Site, machine: MachineSpec) -> bool:
    """Remove root's folder of ``machine``; return whether the machine's leftovers may be removed.

    They may where they are ours or nobody's. What was handed over in the folder goes where it is
    ours; the owner's name goes last: without it nobody removes the rest.
    """
    whose = owner(machine.folder)
    if whose not in (None, str(site.root)):
        return False
    if machine.folder.exists():
        rest = "find . -mindepth 1 ! -path ./owner -delete; " if whose else ""
        line = f'cd "$1"; {rest}rm -f owner owner.[0-9]*; rmdir --ignore-fail-on-non-empty "$1"'
        run(["sh", "-ec", line, "remove", str(machine.folder)], root=True, timeout=30)
    return True
