"""Remains of this checkout: of runs that were killed, and of half-destroyed machines."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from hostonly.events import Emit
from hostonly.host import outsiders
from hostonly.host.scratch import is_orphan
from hostonly.ownership.owners import owner
from hostonly.providers import provider_of
from hostonly.site import Site


def remove_killed(site: Site) -> list[str]:
    """Remove what a killed run has left and nobody uses; return it in words.

    The caller has the sandboxes' lock. Temporary folders stay (``remove_temporary``): a process
    that reaches a sandbox by one holds no lock.

    Raises:
        ToolFailed: a link or a namespace could not be removed.
    """
    left = [each for each in site.state.iterdir() if is_orphan(each)]
    for folder in left:
        shutil.rmtree(folder)
    words = [f"{each.name} in {site.state.name}" for each in left]
    if outsiders.remove(site):
        words.append("the neighbours of check.host-only")
    return words


def finish_destructions(site: Site, emit: Emit) -> None:
    """Remove the rest of this checkout's sandboxes whose destruction was cut off.

    Raises:
        ToolFailed: something of one is still there.
    """
    for machine in site.machines:
        if owner(machine.folder) == str(site.root):
            provider_of(site, machine).finish_destruction(emit)


def remove_temporary(site: Site) -> bool:
    """Remove this checkout's temporary files and folders; return False where there were none.

    All of them were for reaching or trying a sandbox.
    """
    found = list(Path(tempfile.gettempdir()).glob(f"{site.temporary}*"))
    for each in found:
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                each.unlink()
    return bool(found)
