"""Folders in a checkout's state that are needed only while one process runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

_WHILE_RUNNING = re.compile(r"[a-z]+-(\d+)-\w+")


def while_running(what: str) -> str:
    """Return the prefix of such a folder of this process (``up-4711-``); tempfile adds the rest."""
    return f"{what}-{os.getpid()}-"


def is_orphan(folder: Path) -> bool:
    """Return whether ``folder`` has such a name and its process is gone."""
    made = _WHILE_RUNNING.fullmatch(folder.name)
    return made is not None and not Path("/proc", made[1]).exists()
