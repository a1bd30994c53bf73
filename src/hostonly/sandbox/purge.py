"""Removing the caches: bases that no sandbox uses, the box, this checkout's keys and state."""

from __future__ import annotations

import shutil
from pathlib import Path

from hostonly.events import Done, Emit
from hostonly.host.command import run
from hostonly.sandbox import base, box
from hostonly.settings import Settings


def bases_in_use() -> set[Path]:
    """The folders of bases that a container on this machine, of whatever checkout, lies on."""
    # Containers' folders are root's; find the answer as root.
    line = "cat /var/lib/lxc/*/config 2>/dev/null || true"
    configs = run(["sh", "-c", line], root=True)
    marker = f"overlay:{base.STORE}/bases/"
    return {
        base.STORE / "bases" / rest.split("/", 1)[0]
        for row in configs.splitlines()
        if marker in row
        for rest in [row.split(marker, 1)[1]]
    }


def purge(settings: Settings, emit: Emit) -> None:
    """Remove what is only kept to be quick: the next ``sandbox.up`` makes it again.

    What another checkout's sandbox uses stays. Debian packages stay: only the user may remove them.
    """
    bases = base.STORE / "bases"
    used = bases_in_use()
    for folder in sorted(bases.iterdir()) if bases.exists() else []:
        if folder not in used:
            base.discard(folder)
            emit(Done(f"removed the base {folder.name}"))
    if not used:
        for name in box.remove_all():
            emit(Done(f"removed the box {name} from Vagrant"))
        line = f"rmdir --ignore-fail-on-non-empty {base.STORE}/bases {base.STORE}/sandboxes {base.STORE} 2>/dev/null || true"
        run(["sh", "-c", line], root=True)
    shutil.rmtree(settings.state, ignore_errors=True)
