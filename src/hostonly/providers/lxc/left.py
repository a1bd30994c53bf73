"""Leftovers of LXC after a container is gone: empty control groups and a lock file.

A container that LXC shut down takes its control groups along; one that died by itself, or was
killed, does not. Only control groups of exactly the container's name are removed, and none that
holds a process: the kernel refuses to remove a control group that is in use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.host.command import run
from hostonly.providers.lxc.container import LXC

CGROUPS = Path("/sys/fs/cgroup")
TRIES = 3
# LXC's own place for its locks (lxclock.c of LXC 5.0): the containers' folder, below this.
LOCKS = Path("/run/lxc/lock")


def folders(container: str) -> list[Path]:
    """Return the control groups that LXC made for ``container``, in all hierarchies.

    LXC adds -1, -2, … where a folder of the name is still there; such a folder may belong to a
    container that is really called so, and is then left.
    """
    ours = re.compile(rf"lxc\.(?:monitor|payload)\.{re.escape(container)}(-\d+)?")
    # Not into other containers' control groups: there folders come and go meanwhile.
    look = ["find", str(CGROUPS), "-ignore_readdir_race", "-type", "d", "-name", "lxc.*", "-prune"]
    listing = _listing(look)
    found = []
    for line in listing.splitlines():
        name = ours.fullmatch(Path(line).name)
        if name and not (name[1] and (LXC / f"{container}{name[1]}").exists()):
            found.append(Path(line))
    return found


def remove(container: str) -> bool:
    """Remove the leftovers of ``container``; return False where there were none, or it exists."""
    if (LXC / container).exists():
        return False
    left = folders(container)
    lock = LOCKS / LXC.relative_to("/") / f".{container}"
    if left:
        _remove_groups(left)
    # LXC's folder of locks is closed to ordinary users: rm is asked without looking first.
    said = run(["rm", "-fv", str(lock)], root=True, timeout=10)
    return bool(left or said)


def _listing(look: Sequence[str]) -> str:
    for _ in range(TRIES):
        try:
            return run(look, timeout=30)
        except ToolFailed as error:
            # A folder was removed between being seen and being opened.
            failure = error
    raise failure


def _remove_groups(folders: Sequence[Path]) -> None:
    # Innermost first; a group with a process in it stays, and check.leftovers says so. Others,
    # LXC's monitor among them, remove groups too: one that they remove is missed once, not twice.
    line = (
        'empty() { find "$1" -depth -type d -exec rmdir --ignore-fail-on-non-empty {} +; }; '
        'for group; do empty "$group" || test ! -e "$group" || empty "$group" || exit 1; done'
    )
    run(["sh", "-c", line, "remove", *map(str, folders)], root=True, timeout=30)
