"""HelloSocket in Python beside HelloSocket in Java: both on this machine, called over loopback.

The client is the same for both and does as little as it can: it connects, reads to the end of the
stream, and closes. What it measures is bounded by itself where a server is quicker than it. So the
servers' own processor time is looked at as well: connections for each second of it.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from socket import AF_INET, SOCK_NONBLOCK, SOCK_STREAM, socket

from hostonly.bench.measure import Comparison, Side
from hostonly.bench.place import Place
from hostonly.bench.result import Row
from hostonly.errors import HostonlyError
from hostonly.hello.conformance.subject import Process, Program
from hostonly.hello.greeting import greeting_of
from hostonly.image.programs import java_program, python_program

ONE = Row("python-java", "1/s", "Python over Java, one connection after another", 1.2, True)
MANY = Row("python-java-64", "1/s", "Python over Java, 64 connections in flight", 1.2, True)
ONE_CPU = Row(
    "python-java-cpu",
    "1/s",
    "the same one after another, by the servers' processor time",
    1.2,
    True,
)
MANY_CPU = Row(
    "python-java-64-cpu",
    "1/s",
    "the same with 64 in flight, by the servers' processor time",
    1.2,
    True,
)

ROWS = (ONE, MANY, ONE_CPU, MANY_CPU)

LOOPBACK = "127.0.0.1"
# Some tenths of a second, and far from the number of ports that a client has.
CALLS = 3000
IN_FLIGHT = 64
SECONDS = 30.0


@contextmanager
def comparisons(place: Place, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Both servers run all the time, each started once."""
    java = java_program(place.user, place.emit)
    with ExitStack() as ending:
        programs = {"python": python_program(place.user.root), "java": java}
        ours, theirs = (ending.enter_context(Program(*it).start()) for it in programs.items())
        made = [
            Comparison(rows, _rates(rows, call, ours), _rates(rows, call, theirs))
            for rows, call in (((ONE, ONE_CPU), one_after_another), ((MANY, MANY_CPU), in_flight))
        ]
        yield [one for one in made if wanted & {row.name for row in one.rows}]


def _rates(rows: tuple[Row, Row], call: Callable[[int, int], None], server: Process) -> Side:
    port, clock = server.target.port, _processor_clock(server.pid)

    def side() -> dict[str, float]:
        start, used = time.perf_counter(), time.clock_gettime(clock)
        call(port, CALLS)
        taken = time.perf_counter() - start, time.clock_gettime(clock) - used
        return {row.name: CALLS / seconds for row, seconds in zip(rows, taken, strict=True)}

    return side


def _processor_clock(pid: int) -> int:
    """The clock of a process's processor time, all its threads together.

    Source: clock_getcpuclockid(3); Linux makes the clock's number of the process's, and a 2 for
    "by the scheduler" (include/linux/posix-timers.h, CPUCLOCK_SCHED).
    """
    return ~pid << 3 | 2


def one_after_another(port: int, calls: int) -> None:
    """Make ``calls`` connections, one when the one before has ended.

    Raises:
        HostonlyError: something else came than HelloSocket's line.
    """
    for _ in range(calls):
        with socket(AF_INET, SOCK_STREAM) as client:
            client.settimeout(SECONDS)
            client.connect((LOOPBACK, port))
            data = b""
            while piece := client.recv(4096):
                data += piece
        _require_line(data)


def in_flight(port: int, calls: int) -> None:
    """Make ``calls`` connections, of which ``IN_FLIGHT`` are open at a time.

    Raises:
        HostonlyError: something else came than HelloSocket's line, or nothing within ``SECONDS``.
    """
    begun = 0
    waiting: dict[int, tuple[socket, bytes]] = {}
    with select.epoll() as poll:
        try:
            while begun < calls or waiting:
                while begun < calls and len(waiting) < IN_FLIGHT:
                    client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK)
                    waiting[client.fileno()] = client, b""
                    with contextlib.suppress(BlockingIOError):
                        client.connect((LOOPBACK, port))
                    poll.register(client.fileno(), select.EPOLLIN)
                    begun += 1
                ready = poll.poll(SECONDS)
                if not ready:
                    raise HostonlyError(f"HelloSocket did not answer within {SECONDS:g} s")
                for number, _ in ready:
                    client, data = waiting[number]
                    piece = client.recv(4096)
                    if piece:
                        waiting[number] = client, data + piece
                        continue
                    del waiting[number]
                    client.close()
                    _require_line(data)
        finally:
            for client, _ in waiting.values():
                client.close()


def _require_line(data: bytes) -> None:
    if greeting_of(data) is None:
        raise HostonlyError(f"HelloSocket answered {data[:60]!r}")
