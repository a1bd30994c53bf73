"""Files of root's in which is kept what the machine was before we changed it, for all checkouts."""

from __future__ import annotations

from pathlib import Path

from hostonly.host import whole
from hostonly.host.command import run


def write(text: str, journal: Path) -> None:
    """Have ``journal`` hold ``text``, which every user may read, before anything is changed. Raises ToolFailed."""
    run(["mkdir", "-p", "-m", "0755", str(journal.parent)], root=True, timeout=10)
    whole.write_as_root(journal, text)


def remove(journal: Path) -> None:
    """Remove ``journal``, and what one that was cut off has left beside it. Raises ToolFailed."""
    left = sorted(journal.parent.glob(f"{journal.name}*"))
    if left:
        run(["rm", "-f", *map(str, left)], root=True, timeout=10)
