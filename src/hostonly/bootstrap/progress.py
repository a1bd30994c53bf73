"""What the bootstrap says while it works: lines on stderr."""

from __future__ import annotations

import sys

from hostonly.events import Event


def say(text: str) -> None:
    """One line of progress, on stderr."""
    print(f"inv: {text}", file=sys.stderr, flush=True)


def show(event: Event) -> None:
    """The `Emit` of the bootstrap: every event is a line."""
    for name in ("what", "line"):
        text = getattr(event, name, None)
        if text:
            say(text)
