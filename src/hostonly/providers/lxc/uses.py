"""The uses of bases and boxes by the containers of this machine, of every checkout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.host.command import run
from hostonly.providers.lxc.container import LXC
from hostonly.site import INSTANCES, MARK, STORE

TRIES = 3
# As lxc-template writes it: an overlay of the base's root file system and the sandbox's own layer.
_BASE = re.compile(r"^lxc\.rootfs\.path = overlay:([^:\n]+)/rootfs:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Uses:
    """The names of bases and boxes that containers need."""

    bases: frozenset[str]
    boxes: frozenset[str]


def read_uses(text: str) -> Uses:
    """Return the uses that are named in containers' configurations and handed-over settings."""
    store = re.escape(f"{STORE}/bases/")
    return Uses(
        frozenset(re.findall(rf"{store}([0-9a-f]{{16}}(?:-[0-9]+)?)(?![0-9a-f])", text)),
        # Vagrant's LXC notes in the configuration's first line which template made it.
        frozenset(re.findall(rf"/boxes/({MARK}-[0-9a-f]{{12}})/", text)),
    )


def uses() -> Uses:
    """Return the present uses.

    Raises:
        ToolFailed: they could not be found out, so nothing may be removed.
    """
    places = [str(place) for place in (LXC, INSTANCES) if place.exists()]
    if not places:
        return Uses(frozenset(), frozenset())
    files = ["-maxdepth", "2", "-type", "f", "(", "-name", "config", "-o", "-name", "settings", ")"]
    for _ in range(TRIES):
        try:
            # Containers' folders are root's: the answer is found as root.
            said = run(["find", *places, *files, "-exec", "cat", "{}", "+"], root=True)
        except ToolFailed as error:
            # A container of another checkout was removed while we looked at it.
            failure = error
        else:
            return read_uses(said)
    raise failure


def base_below(container: str) -> Path | None:
    """Return the folder of the base that ``container`` lies on, by the container's configuration.

    The base may be of an older recipe. None where no container was made so far.

    Raises:
        ToolFailed: the container's configuration could not be read.
    """
    config = LXC / container / "config"
    if not config.exists():
        return None
    # Only root may read it.
    found = _BASE.findall(run(["cat", str(config)], root=True, timeout=10))
    return Path(found[-1]) if found else None
