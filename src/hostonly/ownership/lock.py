"""Locks that the kernel frees when their holder dies: of a checkout's sandboxes, of its demos, and of
what all checkouts of this machine share.

Who takes both of a checkout's takes that of the demos first, as demos do, which then bring sandboxes up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from hostonly.errors import HostonlyError
from hostonly.events import Emit, Started
from hostonly.host.command import run
from hostonly.site import STORE, Site
from hostonly.waiting import limit, more_patience, until

LOCK, DEMO_LOCK = "sandbox.lock", "demo.lock"
# A lock's file, and what is done by whoever has the lock.
_CHANGING = {
    LOCK: "has been changing this checkout's sandboxes",
    DEMO_LOCK: "has been at work on this checkout's sandboxes",
}
# Who has it may be building a base.
LOCK_SECONDS = 1800.0
# A base takes a minute to build, on a slow line some more.
STORE_SECONDS = 1800.0
SILENT_SECONDS = 1.0
# From taking a lock to having said so.
NAMED_SECONDS = 1.0
POLL_SECONDS = 0.1


# Whether this process has the lock of `store`.
_in_store = False


def holder(lock: str) -> str:
    """The file that says who has the ``lock``, beside the lock's own."""
    return f"{lock}.holder"


def sandboxes(site: Site, task: str, emit: Emit) -> contextlib.AbstractContextManager[None]:
    """One change of this checkout's sandboxes at a time; ``task`` says which to those who wait
    (``sandbox.up sandbox``).

    Raises, when it is entered:
        HostonlyError: another process has been changing them for too long.
    """
    return _held(site.state, LOCK, task, emit)


def demos(site: Site, task: str, emit: Emit) -> contextlib.AbstractContextManager[None]:
    """One demo of this checkout at a time, and none while its sandboxes are being halted or destroyed.

    Raises, when it is entered:
        HostonlyError: another process has been at it for too long.
    """
    return _held(site.state, DEMO_LOCK, task, emit)


@contextlib.contextmanager
def _held(state: Path, name: str, task: str, emit: Emit) -> Iterator[None]:
    state.mkdir(exist_ok=True)
    from filelock import FileLock, Timeout

    lock = FileLock(state / name)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = _who(state / holder(name))
        emit(Started(f"waiting for {who}"))
        try:
            lock.acquire(timeout=limit(LOCK_SECONDS))
        except Timeout as error:
            raise HostonlyError(
                f"{who} {_CHANGING[name]} for {limit(LOCK_SECONDS):g} s",
                remedy=f"Wait for it or end it, then try again. {more_patience()}",
            ) from error
    try:
        # A purge that held the lock before us took the folder away.
        state.mkdir(exist_ok=True)
        _say_who(state, name, task)
        yield
    finally:
        lock.release()


def _say_who(state: Path, lock: str, task: str) -> None:
    # Whole or not at all: others read it meanwhile.
    written = state / f"{holder(lock)}.{os.getpid()}"
    written.write_text(f"inv {task} (process {os.getpid()})\n", encoding="utf-8")
    written.replace(state / holder(lock))


def _who(said_in: Path) -> str:
    """Who has a lock, by the file ``said_in``. Whoever had it before has left a name too: one of a process
    that is gone is not it, and who has only just taken the lock will say so in a moment."""

    def named() -> str | None:
        with contextlib.suppress(OSError):
            said = said_in.read_text(encoding="utf-8").strip()
            process = said.rpartition("(process ")[2].rstrip(")")
            if process.isdecimal() and Path("/proc", process).exists():
                return said
        return None

    return until(named, bool, NAMED_SECONDS, pause=POLL_SECONDS / 5) or "another process"


@contextlib.contextmanager
def store(emit: Emit) -> Iterator[None]:
    """One change at a time of what all checkouts share below /var/lib/hostonly.

    The folder itself is locked, which whoever may read it can do: no file of root's is needed.

    Raises:
        HostonlyError: another checkout has been at work there for too long.
        RuntimeError: this process has it already; it would wait for itself.
    """
    global _in_store
    if _in_store:
        raise RuntimeError("the store's lock was taken twice")
    began = time.monotonic()
    told = False
    while True:
        if not STORE.exists():
            run(["mkdir", "-p", "-m", "0755", str(STORE)], root=True, timeout=10)
        try:
            folder = os.open(STORE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = time.monotonic() - began
                # To look whether a base is there takes no time that is worth a word.
                if not told and waited >= SILENT_SECONDS:
                    emit(
                        Started("waiting for another checkout that builds, takes or removes a base")
                    )
                    told = True
                if waited >= limit(STORE_SECONDS):
                    raise HostonlyError(
                        f"another checkout has been at work in {STORE} for {limit(STORE_SECONDS):g} s",
                        remedy=f"Wait for it or end it, then try again. {more_patience()}",
                    ) from None
                time.sleep(POLL_SECONDS)
                continue
            # Purged while we waited: then it is another folder that counts.
            if not STORE.exists() or os.fstat(folder).st_ino != STORE.stat().st_ino:
                continue
            _in_store = True
            yield
            return
        finally:
            _in_store = False
            os.close(folder)
