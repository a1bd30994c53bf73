"""A process and a file on this machine with names that nothing else has, to be looked for."""

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
    """``process`` is a word in the process's command line; ``file`` is where the file is."""

    process: str
    file: Path


@contextlib.contextmanager
def marked(prefix: str) -> Iterator[Marker]:
    """Both, for as long as the context lasts; what a killed run leaves is known by the ``prefix`` of their
    names (`Site.temporary`). Their names differ: who searches for the one must not be taken for the other."""
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
