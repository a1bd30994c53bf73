"""Files that are there whole or not at all, even after a power cut.

A new name for a file reaches the disk before its content does: without waiting for the disk first
(fsync(2)), a power cut can leave an empty file, which the next run would take for whole.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hostonly.host.command import run

SECONDS = 60.0


def settle(*paths: Path) -> None:
    """Wait until the content of files, or the names in folders, of ``paths`` is on the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write(file: Path, content: bytes, mode: int = 0o644, *, lasting: bool = True) -> None:
    """Write a ``file`` of our own, which is never readable by more than ``mode`` allows.

    It may be lost in a power cut unless it is ``lasting``. Only one process may write it at a time.

    Raises:
        OSError: it could not be written; the earlier content is still there.
    """
    written = file.with_name(f"{file.name}.new")
    with contextlib.suppress(FileNotFoundError):
        written.unlink()
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
    written.chmod(mode)
    if lasting:
        settle(written)
    written.replace(file)
    if lasting:
        settle(file.parent)


def write_as_root(file: Path, text: str) -> None:
    """Write ``text``, which is not confidential, to a ``file`` of root's that everybody may read.

    A write that was cut off leaves a file beside it whose name ends in a dot and a number.

    Raises:
        ToolFailed: it could not be written; the earlier content is still there.
    """
    line = (
        'umask 022; new="$1.$$"; printf %s "$2" >"$new"; sync "$new";'
        ' mv -fT "$new" "$1"; sync "${1%/*}"'
    )
    # As an argument: a pipe's text would be put in place cut short where we are killed.
    run(["sh", "-ec", line, "write", str(file), text], root=True, timeout=SECONDS)
