"""A process and a file on this machine, with names that nothing else has, to be looked for."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The process ends by itself where we are killed before we can end it.
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker: ``process`` is a word of a process's command line, ``file`` the path of a file."""

    process: str
    file: Path


@contextlib.contextmanager
def marked(prefix: str) -> Iterator[Marker]:
    """Yield a process and a file, which are there for as long as the context lasts.

    The leftovers of a killed run are known by the ``prefix`` of their names (``Site.temporary``).
    The two names differ, so that a search for the file is not taken for the process."""
    name = f"{prefix}marked-{secrets.token_hex(8)}"
    process = subprocess.Popen(
        ["sh", "-c", f"sleep {SECONDS}; exit", name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with tempfile.NamedTemporaryFile(prefix=f"{prefix}marker-") as file:
            yield Marker(name, Path(file.name))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
