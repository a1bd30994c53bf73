"""Messages of the bootstrap while it works: lines on stderr."""

from __future__ import annotations

import sys

from hostonly.events import Event


def say(text: str) -> None:
    """Write one line of progress to stderr."""
    print(f"inv: {text}", file=sys.stderr, flush=True)


def show(event: Event) -> None:
    """Write every event as a line: the ``Emit`` of the bootstrap."""
    for name in ("what", "line"):
        text = getattr(event, name, None)
        if text:
            say(text)
