"""Files of root's in which is kept what the machine was before we changed it, for all checkouts."""

from __future__ import annotations

import os
from pathlib import Path

from hostonly.host.command import run


def write(text: str, journal: Path) -> None:
    """Have ``journal`` hold ``text``, which every user may read. Raises ToolFailed."""
    # Whole or not at all, and nobody else's half.
    new = journal.with_name(f"{journal.name}.{os.getpid()}")
    run(["mkdir", "-p", "-m", "0755", str(journal.parent)], root=True, timeout=10)
    run(["tee", str(new)], root=True, stdin=text, timeout=10)
    run(["mv", "-f", str(new), str(journal)], root=True, timeout=10)


def remove(journal: Path) -> None:
    """Remove ``journal``, and what one that was cut off has left beside it. Raises ToolFailed."""
    left = sorted(journal.parent.glob(f"{journal.name}*"))
    if left:
        run(["rm", "-f", *map(str, left)], root=True, timeout=10)
