"""Removing the caches: bases and boxes that no container lies on, this checkout's keys and state."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.events import Done, Emit, Unchanged, Warned
from hostonly.host import packages, unused_units
from hostonly.host.command import run
from hostonly.sandbox import base, box, lock, names, trace
from hostonly.site import Site

CONTAINERS = Path("/var/lib/lxc")
TRIES = 3


@dataclass(frozen=True, slots=True)
class Uses:
    """What the containers of this machine, of whatever checkout, need: the names of bases and boxes."""

    bases: frozenset[str]
    boxes: frozenset[str]


def read_uses(text: str) -> Uses:
    """What is named in containers' configurations and in what was handed over for making them."""
    store = re.escape(f"{base.STORE}/bases/")
    return Uses(
        frozenset(re.findall(rf"{store}([0-9a-f]{{16}}(?:-[0-9]+)?)(?![0-9a-f])", text)),
        # Vagrant's LXC notes in the configuration's first line which template made it.
        frozenset(re.findall(rf"/boxes/({box.PREFIX}-[0-9a-f]{{12}})/", text)),
    )


def uses() -> Uses:
    """What is in use now.

    Raises:
        ToolFailed: that could not be found out, so nothing may be removed.
    """
    places = [str(place) for place in (CONTAINERS, names.SANDBOXES) if place.exists()]
    if not places:
        return Uses(frozenset(), frozenset())
    files = ["-maxdepth", "2", "-type", "f", "(", "-name", "config", "-o", "-name", "settings", ")"]
    for _ in range(TRIES):
        try:
            # Containers' folders are root's: the answer is found as root.
            said = run(["find", *places, *files, "-exec", "cat", "{}", "+"], root=True)
        except ToolFailed as error:
            # A container of another checkout's that went while it was looked at.
            failure = error
        else:
            return read_uses(said)
    raise failure


def purge(site: Site, emit: Emit) -> None:
    """Remove what is only kept to be quick: the next ``sandbox.up`` makes it again.

    What another checkout's sandbox uses stays. Debian packages stay: only the user may remove them.

    Raises:
        ToolFailed: what is in use could not be found out, or a removal failed.
    """
    with lock.sandboxes(site, "sandbox.destroy --purge", emit), lock.store(emit):
        used = uses()
        _bases(used, emit)
        for name in box.ours():
            if name in used.boxes:
                emit(Unchanged(f"the box {name} is in use"))
            else:
                box.remove(name)
                emit(Done(f"removed the box {name} from Vagrant"))
        empty = [base.STORE / "bases", names.SANDBOXES, base.STORE]
        there = [str(folder) for folder in empty if folder.exists()]
        run(["rmdir", "--ignore-fail-on-non-empty", *there], root=True, timeout=10)
        _tell_packages(site, emit)
        if left := (*trace.sandboxes(site), *_of_copies(site)):
            emit(Unchanged(f"this checkout's keys stay, for {' and '.join(left)} needs them"))
            return
        shutil.rmtree(site.root / ".vagrant", ignore_errors=True)
        shutil.rmtree(site.state, ignore_errors=True)
        emit(Done("removed this checkout's keys and state"))


def _of_copies(site: Site) -> list[str]:
    """The sandboxes of checkouts that lie in this one's state: the integration tests' copy."""
    claimed = sorted(names.SANDBOXES.iterdir()) if names.SANDBOXES.exists() else []
    inside = f"{site.state}/"
    return [each.name for each in claimed if (names.owner(each.name) or "").startswith(inside)]


def _bases(used: Uses, emit: Emit) -> None:
    folder = base.STORE / "bases"
    for each in sorted(folder.iterdir()) if folder.exists() else []:
        digest = each.name.removesuffix(".partial")
        if digest == each.name and digest in used.bases:
            emit(Unchanged(f"the base {digest} is in use"))
        else:
            base.discard(each)
            emit(Done(f"removed the base {each.name}"))


def _tell_packages(site: Site, emit: Emit) -> None:
    masked = unused_units.masked_for(site.root)
    if masked:
        emit(
            Warned(
                "LXC's own network was kept off (it would forward for every interface) and stays so;"
                f" where you want it: {unused_units.unmask_line(masked)}"
            )
        )
    ours = packages.installed_for(site.root)
    if ours:
        emit(
            Warned(
                "these Debian packages were installed for hostonly and stay; where nothing else of"
                f" yours needs them: {packages.remove_line(ours)}"
            )
        )
