"""HelloSocket in Python beside HelloSocket in Java: both on this machine, called over loopback.

The client is the same for both and does as little as it can: it connects, reads to the end of the
stream, and closes, each by one system call on a plain blocking socket; it looks at the lines only
when the time has been taken. A server that is quicker than the client is not measured by it. So the
servers' own processor time is told as well: connections for each second of it. No row has a goal:
both servers do what is promised, and neither is there to be quick.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import Comparison, Side
from bench.result import Row
from bench.workspace import Workspace
from hostonly.errors import HostonlyError
from hostonly.hello.conformance.subject import Process, Program
from hostonly.hello.greeting import greeting_of
from hostonly.image.programs import java_program, python_program

ONE = Row("python-java", "1/s", "Python over Java, one connection after another", None)
MANY = Row("python-java-64", "1/s", "Python over Java, 64 connections in flight", None)
ONE_CPU = Row(
    "python-java-cpu",
    "1/s",
    "the same one after another, by the servers' processor time",
    None,
)
MANY_CPU = Row(
    "python-java-64-cpu",
    "1/s",
    "the same with 64 in flight, by the servers' processor time",
    None,
)

ROWS = (ONE, MANY, ONE_CPU, MANY_CPU)

LOOPBACK = "127.0.0.1"
# This takes some tenths of a second, and far fewer ports than a client has.
CALLS = 3000
IN_FLIGHT = 64
SECONDS = 30
# struct timeval. The kernel keeps the time: Python's own timeouts ask poll() before each call.
TIMEOUT = struct.pack("ll", SECONDS, 0)


@contextmanager
def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Start each server once; both run all the time."""
    with ExitStack() as ending:
        folder = ending.enter_context(TemporaryDirectory(prefix=workspace.user.temporary))
        java = java_program(workspace.user, workspace.emit, Path(folder))
        programs = {"python": python_program(workspace.user.root), "java": java}
        ours, theirs = (ending.enter_context(Program(*it).start()) for it in programs.items())
        made = [
            Comparison(rows, _rates(rows, call, ours), _rates(rows, call, theirs))
            for rows, call in (((ONE, ONE_CPU), one_after_another), ((MANY, MANY_CPU), in_flight))
        ]
        yield [one for one in made if wanted & {row.name for row in one.rows}]


def _rates(rows: tuple[Row, Row], call: Callable[[int, int], list[bytes]], server: Process) -> Side:
    port, clock = server.target.port, _processor_clock(server.pid)

    def side() -> dict[str, float]:
        start, used = time.perf_counter(), time.clock_gettime(clock)
        lines = call(port, CALLS)
        taken = time.perf_counter() - start, time.clock_gettime(clock) - used
        for line in lines:
            _require_line(line)
        return {row.name: CALLS / seconds for row, seconds in zip(rows, taken, strict=True)}

    return side


def _processor_clock(pid: int) -> int:
    """Return the clock of a process's processor time, all its threads together.

    Source: clock_getcpuclockid(3); Linux makes the clock's number of the pid, and a 2 for "by the
    scheduler" (include/linux/posix-timers.h, CPUCLOCK_SCHED).
    """
    return ~pid << 3 | 2


def one_after_another(port: int, calls: int) -> list[bytes]:
    """Make ``calls`` connections, each when the one before has ended; return what each read.

    Raises:
        OSError: refused, reset, or nothing within ``SECONDS``.
    """
    return [_read(_connected(port)) for _ in range(calls)]


def in_flight(port: int, calls: int) -> list[bytes]:
    """Make ``calls`` connections, ``IN_FLIGHT`` open at a time; return what each read.

    When the oldest has been read to its end, another is opened.

    Raises:
        OSError: refused, reset, or nothing within ``SECONDS``.
    """
    lines = []
    waiting: deque[socket.socket] = deque()
    for _ in range(calls):
        waiting.append(_connected(port))
        if len(waiting) == IN_FLIGHT:
            lines.append(_read(waiting.popleft()))
    return lines + [_read(client) for client in waiting]


def _connected(port: int) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEOUT)
    client.connect((LOOPBACK, port))
    return client


def _read(client: socket.socket) -> bytes:
    # All that fits, or all there is at the end of the stream: asked for once, woken once.
    line = client.recv(4096, socket.MSG_WAITALL)
    client.close()
    return line


def _require_line(data: bytes) -> None:
    if greeting_of(data) is None:
        raise HostonlyError(f"HelloSocket answered {data[:60]!r}")
