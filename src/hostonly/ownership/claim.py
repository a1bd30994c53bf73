"""Owners of the providers' names of machines: each name belongs to one checkout.

A provider's name for a machine is unique on this machine: a folder of root's says whose it is.
"""

from __future__ import annotations

from hostonly.errors import Taken
from hostonly.host.command import run
from hostonly.providers import provider_of
from hostonly.site import CLAIMS, MachineSpec, Site


def owner(instance: str) -> str | None:
    """Return the checkout that has claimed the name ``instance``; None where nobody has."""
    try:
        # An empty file was not written to its end.
        return (CLAIMS / instance / "owner").read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def require_ours(site: Site, machine: MachineSpec) -> None:
    """Stop where the provider's name for ``machine`` is somebody else's.

    Raises:
        Taken: another checkout has it, or a machine that hostonly did not make.
    """
    name = machine.instance
    whose = owner(name)
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


def release(site: Site, machine: MachineSpec) -> bool:
    """Remove root's folder of ``machine``; return whether the machine's leftovers may be removed.

    They may where they are ours or nobody's. What was handed over in the folder goes where it is
    ours; the owner's name goes last: without it nobody removes the rest.
    """
    whose = owner(machine.instance)
    if whose not in (None, str(site.root)):
        return False
    if machine.claim.exists():
        rest = "find . -mindepth 1 ! -path ./owner -delete; " if whose else ""
        line = f'cd "$1"; {rest}rm -f owner owner.[0-9]*; rmdir --ignore-fail-on-non-empty "$1"'
        run(["sh", "-ec", line, "remove", str(machine.claim)], root=True, timeout=30)
    return True
