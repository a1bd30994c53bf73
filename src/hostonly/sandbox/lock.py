"""Locks that the kernel frees when their holder dies: one for a checkout's sandboxes, one for what
all checkouts of this machine share.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hostonly.errors import HostonlyError
from hostonly.events import Emit, Started
from hostonly.host.command import run
from hostonly.sandbox.base import STORE

if TYPE_CHECKING:
    from hostonly.settings import Settings

LOCK_SECONDS = 600.0
# A base takes a minute to build, on a slow line some more.
STORE_SECONDS = 1800.0
SILENT_SECONDS = 1.0
POLL_SECONDS = 0.1


@contextlib.contextmanager
def sandboxes(settings: Settings, verb: str, emit: Emit) -> Iterator[None]:
    """One change of this checkout's sandboxes at a time; ``verb`` says which to those who wait.

    Raises:
        HostonlyError: another process has been changing them for too long.
    """
    from filelock import FileLock, Timeout

    settings.state.mkdir(exist_ok=True)
    lock = FileLock(settings.state / "sandbox.lock")
    holder = settings.state / "sandbox.lock.holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = holder.read_text().strip() if holder.exists() else "another process"
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
        holder.write_text(f"inv sandbox.{verb} (process {os.getpid()})\n")
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def store(emit: Emit) -> Iterator[None]:
    """One change at a time of what all checkouts share below /var/lib/hostonly.

    The folder itself is locked, which whoever may read it can do: no file of root's is needed.

    Raises:
        HostonlyError: another checkout has been at work there for too long.
    """
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
            yield
            return
        finally:
            os.close(folder)
