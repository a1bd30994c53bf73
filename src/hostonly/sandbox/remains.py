"""What is left of a sandbox that is gone: LXC's empty control groups and lock file; and what runs
that were killed have left.

A container that was shut down by LXC takes its control groups along; one that died by itself, or
was killed, does not. Only what has exactly the container's name goes, and nothing that holds a
process: the kernel refuses to remove a control group that is in use.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.events import Emit
from hostonly.host import outsiders
from hostonly.host.command import run
from hostonly.sandbox import names
from hostonly.sandbox.status import container_of
from hostonly.site import Site

CGROUPS = Path("/sys/fs/cgroup")
CONTAINERS = Path("/var/lib/lxc")
TRIES = 3
# LXC's own place for its locks (lxclock.c of LXC 5.0): the containers' folder, below this.
LOCKS = Path("/run/lxc/lock")


def folders(container: str) -> list[Path]:
    """The control groups that LXC made for ``container``, in all hierarchies.

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
        if name and not (name[1] and (CONTAINERS / f"{container}{name[1]}").exists()):
            found.append(Path(line))
    return found


def remove(container: str) -> bool:
    """Remove what is left of ``container``; False where nothing was, or the container is there."""
    if (CONTAINERS / container).exists():
        return False
    left = folders(container)
    lock = LOCKS / CONTAINERS.relative_to("/") / f".{container}"
    if left:
        _remove_groups(left)
    # LXC's folder of locks is closed to ordinary users: rm is asked without looking first.
    said = run(["rm", "-fv", str(lock)], root=True, timeout=10)
    return bool(left or said)


def remove_killed(site: Site) -> list[str]:
    """Remove what a run that was killed has left and nobody uses, for who has the sandboxes' lock; what
    that was, in words.

    Temporary folders stay (`remove_temporary`): who reaches a sandbox by one holds no lock.

    Raises:
        ToolFailed: a link or a namespace could not be removed.
    """
    left = [each for each in site.state.iterdir() if names.is_orphan(each)]
    for folder in left:
        shutil.rmtree(folder)
    words = [f"{each.name} in {site.state.name}" for each in left]
    if outsiders.remove(site):
        words.append("the neighbours of check.host-only")
    return words


def finish_destructions(site: Site, emit: Emit) -> None:
    """Remove what is left of those of this checkout's sandboxes whose destruction was cut off.

    Raises:
        ToolFailed: something of one is still there.
    """
    for machine in names.machines(site):
        container = container_of(site.root, site.name, machine)
        if names.owner(container.name) == str(site.root):
            container.finish_destruction(emit)


def remove_temporary(site: Site) -> bool:
    """Remove this checkout's temporary files and folders, all of which were for reaching or trying a
    sandbox; False where there were none."""
    found = list(Path(tempfile.gettempdir()).glob(f"{names.temporary(site)}*"))
    for each in found:
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                each.unlink()
    return bool(found)


def _listing(look: Sequence[str]) -> str:
    for _ in range(TRIES):
        try:
            return run(look, timeout=30)
        except ToolFailed as error:
            # A folder that went between being seen and being opened.
            failure = error
    raise failure


def _remove_groups(folders: Sequence[Path]) -> None:
    # Innermost first; a group with a process in it stays, and check.leftovers says so. Others, LXC's
    # monitor among them, remove groups too: what goes under our hands is missed once, not twice.
    line = (
        'empty() { find "$1" -depth -type d -exec rmdir --ignore-fail-on-non-empty {} +; }; '
        'for group; do empty "$group" || test ! -e "$group" || empty "$group" || exit 1; done'
    )
    run(["sh", "-c", line, "remove", *map(str, folders)], root=True, timeout=30)
