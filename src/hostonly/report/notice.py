"""A few lines on standard error, as `progress.py` renders them, without loading rich."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

from hostonly.report.escape import plain


def say_unchanged(sentences: Iterable[str]) -> None:
    """A line for each of what was not needed; faint, where a terminal shows it and may."""
    if sys.stderr is None:
        return
    coloured = (
        sys.stderr.isatty()
        and "NO_COLOR" not in os.environ
        and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    )
    begin, end = ("\x1b[2m", "\x1b[0m") if coloured else ("", "")
    with contextlib.suppress(OSError):
        for sentence in sentences:
            print(f"{begin}= {plain(sentence)}{end}", file=sys.stderr, flush=True)
