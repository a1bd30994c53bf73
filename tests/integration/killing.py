"""Killing outright: `kill -9` of a command and of all its children, at a state that a test has seen.

A command runs in a session of its own. What LXC has put into another one, a running container, is not killed
with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hostonly.waiting import until
from tests.integration.held import StandIns

SECONDS = 300.0


@dataclass(frozen=True)
class Run:
    """A command under way in a session of its own; ``said`` is the file that has what it printed, ``stand_ins``
    are first on its PATH."""

    process: subprocess.Popen[bytes]
    said: Path
    stand_ins: StandIns

    def printed(self, text: str) -> bool:
        """Whether it has printed ``text`` by now."""
        return text in self.said.read_text(errors="replace")


def in_session(session: int) -> list[int]:
    """The processes of a session, by what the kernel says now."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


def at_work(run: Run) -> set[str]:
    """The names of the programs of the run's session."""
    found = set()
    for pid in in_session(run.process.pid):
        with contextlib.suppress(OSError):  # It has ended since.
            found.add(Path("/proc", str(pid), "comm").read_text().strip())
    return found


def kill_session(run: Run) -> None:
    """Kill everything in the session that ``run`` leads, until there is nothing left of it."""
    deadline = time.monotonic() + 10
    while (left := in_session(run.process.pid)) and time.monotonic() < deadline:
        # Its leader first, that it does not come to see the others end and clear up.
        for pid in sorted(left, key=lambda pid: pid != run.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.process.poll()
    run.process.wait(timeout=10)
    assert not in_session(run.process.pid)


@contextlib.contextmanager
def started(
    checkout: Path, argv: Sequence[str], held: Mapping[str, str], tmp_path: Path
) -> Iterator[Run]:
    """``argv`` under way in the ``checkout`` with the stand-ins ``held`` (`StandIns`), and killed in the end."""
    here = Path(tempfile.mkdtemp(dir=tmp_path))
    stand_ins = StandIns(here / "bin", held)
    said = here / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            argv,
            cwd=checkout,
            env=stand_ins.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    run = Run(process, said, stand_ins)
    try:
        yield run
    finally:
        kill_session(run)
        stand_ins.take_away()


def wait_until(run: Run, reached: Callable[[], bool]) -> None:
    """Return when the state is ``reached``, no sooner than one of the stand-ins is held, where there are any;
    a command that ends before makes a test that is wrong."""

    def seen() -> str:
        if (run.stand_ins.held() or not run.stand_ins.programs) and reached():
            return "the point"
        return "its end" if run.process.poll() is not None else ""

    assert until(seen, bool, SECONDS, pause=0.002) == "the point", run.said.read_text()
