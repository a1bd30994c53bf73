"""Locks that the kernel frees when their holder dies: one for a checkout's sandboxes, one for what
all checkouts of this machine share.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hostonly.errors import HostonlyError
from hostonly.events import Emit, Started
from hostonly.host.command import run
from hostonly.sandbox.base import STORE

if TYPE_CHECKING:
    from hostonly.settings import Settings

LOCK, HOLDER = "sandbox.lock", "sandbox.lock.holder"
LOCK_SECONDS = 600.0
# A base takes a minute to build, on a slow line some more.
STORE_SECONDS = 1800.0
SILENT_SECONDS = 1.0
# From taking a lock to having said so.
NAMED_SECONDS = 1.0
POLL_SECONDS = 0.1


# The lock of `sandboxes` where this process took it before the task began: one for each run of the
# program, since there is one command line.
_ahead: int | None = None

# Whether this process has the lock of `store`.
_in_store = False


def take_ahead(state: Path, verb: str) -> bool:
    """Take, for the next `sandboxes` of this process, the lock of the checkout with the folder
    ``state``; whether nobody else had it. ``verb`` says what for to those who wait."""
    global _ahead
    file = state / LOCK
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return False
    try:
        # As filelock does, which takes longer to load than this to do.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == file.stat().st_ino:
            _ahead = descriptor
            _say_who(state, verb)
    except OSError:
        pass
    finally:
        if _ahead != descriptor:
            os.close(descriptor)
    return _ahead == descriptor


def let_go() -> None:
    """Give back what `take_ahead` took and no `sandboxes` has used."""
    global _ahead
    taken, _ahead = _ahead, None
    if taken is not None:
        os.close(taken)


@contextlib.contextmanager
def sandboxes(settings: Settings, verb: str, emit: Emit) -> Iterator[None]:
    """One change of this checkout's sandboxes at a time; ``verb`` says which to those who wait.

    Raises:
        HostonlyError: another process has been changing them for too long.
    """
    global _ahead
    settings.state.mkdir(exist_ok=True)
    taken, _ahead = _ahead, None
    if taken is not None:
        try:
            _say_who(settings.state, verb)
            yield
        finally:
            os.close(taken)
        return
    from filelock import FileLock, Timeout

    lock = FileLock(settings.state / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = _who(settings.state)
        emit(Started(f"waiting for {who}"))
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout as error:
            raise HostonlyError(
                f"{who} has been changing this checkout's sandboxes for {LOCK_SECONDS:g} s",
                remedy="Wait for it or end it, then try again.",
            ) from error
    try:
        # A purge that held the lock before us took the folder away.
        settings.state.mkdir(exist_ok=True)
        _say_who(settings.state, verb)
        yield
    finally:
        lock.release()


def _say_who(state: Path, verb: str) -> None:
    # Whole or not at all: others read it meanwhile.
    written = state / f"{HOLDER}.{os.getpid()}"
    written.write_text(f"inv sandbox.{verb} (process {os.getpid()})\n")
    written.replace(state / HOLDER)


def _who(state: Path) -> str:
    """Who has the lock. Whoever had it before has left a name too: one of a process that is gone is
    not it, and who has only just taken the lock will say so in a moment."""
    deadline = time.monotonic() + NAMED_SECONDS
    while True:
        with contextlib.suppress(OSError):
            said = (state / HOLDER).read_text().strip()
            process = said.rpartition("(process ")[2].rstrip(")")
            if process.isdecimal() and Path("/proc", process).exists():
                return said
        if time.monotonic() >= deadline:
            return "another process"
        time.sleep(POLL_SECONDS / 5)


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
                if waited >= STORE_SECONDS:
                    raise HostonlyError(
                        f"another checkout has been at work in {STORE} for {STORE_SECONDS:g} s",
                        remedy="Wait for it or end it, then try again.",
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
