"""Waiting for somebody else's work, on a machine of whatever speed.

Who waits looks again and again, and goes on in the moment when what is waited for is there. A limit is
only there so that nothing is waited for for ever. Its seconds were chosen on a quick machine; a slow one
has them all multiplied by one factor, the setting ``waiting.patience``, and each error about a limit that
struck says so (``more_patience``).

The factor is the process's, as the machine is: a task has it from the settings. Before there are any (the
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
    # What is wrong is refused where the settings are read.
    return int(said) if said.isdecimal() and LEAST <= int(said) <= MOST else LEAST


_patience = _of_environment()


def set_patience(factor: int) -> None:
    """Multiply every limit of this process by ``factor`` from now on."""
    global _patience
    _patience = factor


def limit(seconds: float) -> float:
    """The limit of ``seconds``, as long as it is on this machine."""
    return seconds * _patience


def more_patience() -> str:
    """What to do where a limit struck: an error's remedy, or a sentence behind what it was."""
    more = min(_patience * 4, MOST)
    return f"A slow machine needs more: {VARIABLE}={more} (now {_patience}) multiplies every such limit."


def until(
    look: Callable[[], T],
    satisfied: Callable[[T], bool],
    seconds: float,
    *,
    pause: float = POLL_SECONDS,
) -> T:
    """Look again and again until ``satisfied``, for at most the limit of ``seconds``; what was seen last,
    satisfied or not. It is looked once where ``seconds`` is 0. ``pause`` is between two looks, in seconds.
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
    """Do ``act`` again and again while it raises an error that is ``passing``, for at most the limit of
    ``seconds``; then that error is raised. ``pause`` is between two tries, in seconds.
    """
    deadline = time.monotonic() + limit(seconds)
    while True:
        try:
            return act()
        except Exception as error:
            if not passing(error) or time.monotonic() >= deadline:
                raise
        time.sleep(pause)
