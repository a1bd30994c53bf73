"""A lock that the kernel frees when its holder dies (flock(2)).

Only the standard library is imported: the bootstrap uses this module before there is a ``.venv``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class Lock:
    """The lock of one file, which is made where it is missing, or of one ``folder``.

    Another ``Lock`` of the same file excludes it, in this process too. At the end of a ``with``
    statement it is released, if it was taken.
    """

    def __init__(self, path: Path, *, folder: bool = False) -> None:
        self._path = path
        # Whoever may read a folder can lock it: no file of its owner's is needed.
        self._flags = os.O_RDONLY | os.O_DIRECTORY if folder else os.O_RDWR | os.O_CREAT
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file that has the lock.

        A program that inherits it holds the lock as well, as long as it runs.

        Raises:
            RuntimeError: the lock is not taken.
        """
        if self._descriptor is None:
            raise RuntimeError(f"the lock {self._path} is not taken")
        return self._descriptor

    def take(self) -> bool:
        """Take the lock without waiting, unless it is ours already.

        Returns:
            Whether the lock is ours now: not where another has it, or its folder is missing.

        Raises:
            OSError: the file cannot be opened.
        """
        if self._descriptor is not None:
            return True
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            descriptor = os.open(self._path, self._flags | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A file that was removed meanwhile counts no more: the next process makes another.
                if os.path.samestat(os.fstat(descriptor), self._path.stat()):
                    self._descriptor = descriptor
            finally:
                if self._descriptor is None:
                    os.close(descriptor)
        return self._descriptor is not None

    def release(self) -> None:
        """Release the lock, if it is ours."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
