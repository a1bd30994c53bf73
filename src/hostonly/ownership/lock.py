"""Locks of a checkout's sandboxes, of its demos, and of what all checkouts share.

The kernel frees them when their holder dies. A process that takes both locks of a checkout takes
that of the demos first, as a demo does, which then brings sandboxes up.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from hostonly.errors import HostonlyError
from hostonly.events import Emit, Started
from hostonly.flock import Lock
from hostonly.host import atomic
from hostonly.host.command import run
from hostonly.site import STORE, Site
from hostonly.waiting import limit, more_patience, until

LOCK, DEMO_LOCK = "sandbox.lock", "demo.lock"
# A lock's file, and what its holder does.
_CHANGING = {
    LOCK: "has been changing this checkout's sandboxes",
    DEMO_LOCK: "has been at work on this checkout's sandboxes",
}
# The holder may be building a base.
LOCK_SECONDS = 1800.0
# A base takes a minute to build, on a slow line some more.
STORE_SECONDS = 1800.0
SILENT_SECONDS = 1.0
# From taking a lock to having said so.
NAMED_SECONDS = 1.0


# Whether this process has the lock of `store`.
_in_store = False


def holder(lock: str) -> str:
    """Return the file, beside the lock's own, that names the holder of ``lock``."""
    return f"{lock}.holder"


def sandboxes(site: Site, task: str, emit: Emit) -> contextlib.AbstractContextManager[None]:
    """Allow one change of this checkout's sandboxes at a time.

    ``task`` names the change to processes that wait (``sandbox.up sandbox``).

    Raises:
        HostonlyError: on entering, another process has been changing them for too long.
    """
    return _held(site.state, LOCK, task, emit)


def demos(site: Site, task: str, emit: Emit) -> contextlib.AbstractContextManager[None]:
    """Allow one demo of this checkout at a time, and none while its sandboxes go down.

    Raises:
        HostonlyError: on entering, another process has been at it for too long.
    """
    return _held(site.state, DEMO_LOCK, task, emit)


@contextlib.contextmanager
def _held(state: Path, name: str, task: str, emit: Emit) -> Iterator[None]:
    with Lock(state / name) as lock:

        def taken() -> bool:
            # A purge removes the folder while it has the lock.
            state.mkdir(exist_ok=True)
            return lock.take()

        if not taken():
            who = _who(state / holder(name))
            emit(Started(f"waiting for {who}"))
            if not until(taken, bool, LOCK_SECONDS):
                raise HostonlyError(
                    f"{who} {_CHANGING[name]} for {limit(LOCK_SECONDS):g} s",
                    remedy=f"Wait for it or end it, then try again. {more_patience()}",
                )
        _say_who(state, name, task)
        yield


def _say_who(state: Path, lock: str, task: str) -> None:
    who = f"inv {task} (process {os.getpid()})\n"
    # Others read it meanwhile.
    atomic.write(state / holder(lock), who.encode(), lasting=False)


def _who(said_in: Path) -> str:
    """Return who has a lock, by the file ``said_in``.

    An earlier holder has left its name too: a process that is gone is not the holder, and one that
    has only just taken the lock will write its name in a moment.
    """

    def named() -> str | None:
        with contextlib.suppress(OSError):
            said = said_in.read_text(encoding="utf-8").strip()
            process = said.rpartition("(process ")[2].rstrip(")")
            if process.isdecimal() and Path("/proc", process).exists():
                return said
        return None

    return until(named, bool, NAMED_SECONDS, pause=0.02) or "another process"


@contextlib.contextmanager
def store(emit: Emit) -> Iterator[None]:
    """Allow one change at a time of what all checkouts share below /var/lib/hostonly.

    The folder itself is locked, which needs no more than leave to read it, and no file of root's.

    Raises:
        HostonlyError: another checkout has been at work there for too long.
        RuntimeError: this process has it already; it would wait for itself.
    """
    global _in_store
    if _in_store:
        raise RuntimeError("the store's lock was taken twice")
    with Lock(STORE, folder=True) as lock:

        def taken() -> bool:
            if not STORE.exists():
                run(["mkdir", "-p", "-m", "0755", str(STORE)], root=True, timeout=10)
            return lock.take()

        if not until(taken, bool, SILENT_SECONDS):
            # A look whether a base is there takes too little time to be worth a message.
            emit(Started("waiting for another checkout that builds, takes or removes a base"))
            if not until(taken, bool, STORE_SECONDS):
                raise HostonlyError(
                    f"another checkout has been at work in {STORE} for {limit(STORE_SECONDS):g} s",
                    remedy=f"Wait for it or end it, then try again. {more_patience()}",
                )
        try:
            _in_store = True
            yield
        finally:
            _in_store = False
