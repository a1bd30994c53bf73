"""Ctrl-C, SIGTERM and SIGHUP as an exception, so that every ``finally`` runs, and once only."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """SIGTERM or SIGHUP, as an exception of Ctrl-C's kind so that every ``finally`` runs."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn signals into ``KeyboardInterrupt``, once: a second one does not stop the cleaning up.

    The second one announces that a third one does.
    """
    seen = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            # os.write: a print may be interrupted in the middle of itself.
            os.write(
                2,
                b"\ninv: cleaning up; once more gives up, and then "
                b"./inv sandbox.destroy removes what is left\n",
            )
            return
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Interrupted(signal.Signals(number).name)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup's wish is respected. SIGINT is always taken: sh ignores it for commands in the
        # background, but its sender means it.
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
