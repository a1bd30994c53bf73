"""Journals: root's files with the state of the machine before we changed it, for all checkouts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hostonly.host import atomic
from hostonly.host.command import run

T = TypeVar("T")


def read(journal: Path, understand: Callable[[Any], T]) -> T | None:
    """Return what ``understand`` makes of the content of ``journal``; None if none is ours."""
    try:
        return understand(json.loads(journal.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        # A file of our writing is whole.
        return None


def write(kept: object, journal: Path) -> None:
    """Write ``kept`` into ``journal`` as JSON that every user may read, before anything is changed.

    Raises:
        ToolFailed: it could not be written.
    """
    run(["mkdir", "-p", "-m", "0755", str(journal.parent)], root=True, timeout=10)
    atomic.write_as_root(journal, json.dumps(kept))


def remove(journal: Path) -> None:
    """Remove ``journal``, and the file that a write that was cut off has left beside it.

    Raises:
        ToolFailed: it could not be removed.
    """
    left = sorted(journal.parent.glob(f"{journal.name}*"))
    if left:
        run(["rm", "-f", *map(str, left)], root=True, timeout=10)
