"""Waiting for somebody else's work, on a machine of any speed.

A wait looks again and again, and goes on as soon as the result is there. A limit only keeps it from
lasting for ever. Limits were chosen on a quick machine; on a slow one all their seconds are
multiplied by one factor, the setting ``waiting.patience``, and an error about a limit says so
(``more_patience``).

The factor belongs to the process: a task has it from the settings. Before these are read (the
bootstrap, a short way) the setting's variable counts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

VARIABLE = "INVOKE_WAITING_PATIENCE"
LEAST, MOST = 1, 100
POLL_SECONDS = 0.1


def _of_environment() -> int:
    said = os.environ.get(VARIABLE, "")
    # A wrong value is refused where the settings are read.
    return int(said) if said.isdecimal() and LEAST <= int(said) <= MOST else LEAST


_patience = _of_environment()


def set_patience(factor: int) -> None:
    """Multiply every limit of this process by ``factor`` from now on."""
    global _patience
    _patience = factor


def limit(seconds: float) -> float:
    """Return the limit of ``seconds`` on this machine, in seconds."""
    return seconds * _patience


def more_patience() -> str:
    """Return the advice for a limit that struck: an error's remedy, or a further sentence."""
    more = min(_patience * 4, MOST)
    return f"A slow machine needs more: {VARIABLE}={more} (now {_patience}) multiplies every such limit."


def until(
    look: Callable[[], T],
    satisfied: Callable[[T], bool],
    seconds: float,
    *,
    pause: float = POLL_SECONDS,
) -> T:
    """Look again and again until ``satisfied``, or the limit of ``seconds``; return the last look.

    It looks once where ``seconds`` is 0. ``pause`` is between two looks, in seconds.
    """
    deadline = time.monotonic() + limit(seconds)
    while True:
        seen = look()
        if satisfied(seen) or time.monotonic() >= deadline:
            return seen
        time.sleep(pause)


def retry(
    act: Callable[[], T],
    passing: Callable[[Exception], bool],
    seconds: float,
    *,
    pause: float = POLL_SECONDS,
) -> T:
    """Do ``act`` again and again while it raises an error that is ``passing``.

    At the limit of ``seconds`` that error is raised. ``pause`` is between two tries, in seconds.
    """
    deadline = time.monotonic() + limit(seconds)
    while True:
        try:
            return act()
        except Exception as error:
            if not passing(error) or time.monotonic() >= deadline:
                raise
        time.sleep(pause)
