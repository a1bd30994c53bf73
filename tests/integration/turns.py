"""One at a time: a run of the integration tests in a copy of the checkout, whose sandboxes it has, and what the
machine has once and the program does not share out."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hostonly.flock import Lock
from hostonly.waiting import until
from tests.integration.command_line import COPY

# The long tests take most of an hour.
SECONDS = 2 * 3600.0
ETC_DOCKER, OUTSIDERS = COPY.parent / "etc-docker", COPY.parent / "outsiders"


@contextlib.contextmanager
def turn(
    folder: Path, tell: Callable[[str], None] = lambda line: None, *, seconds: float = SECONDS
) -> Iterator[None]:
    """Wait until no other run has ``folder``, for at most ``seconds``, and keep others out. The kernel frees
    the lock of a run that was killed.

    ``tell`` is told once whom it waits for.

    Raises:
        TimeoutError: the other run has it still; it says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "run.holder"
    with Lock(folder / "run.lock") as lock:
        if not lock.take():
            with contextlib.suppress(OSError):
                tell(f"integration tests: waiting for {holder.read_text().strip()}")
            if not until(lock.take, bool, seconds):
                who = holder.read_text().strip()
                raise TimeoutError(
                    f"{who} has been at work in {folder} for more than {seconds:g} s:"
                    " wait for it or end it"
                )
        holder.write_text(
            f"pytest {' '.join(sys.argv[1:])}"
            f" (process {os.getpid()}, since {time.strftime('%H:%M:%S')})\n"
        )
        yield
