"""HelloSocket in Python beside HelloSocket in Java: both on this machine, called over loopback.

The client is the same for both and does as little as it can: it connects, reads to the end of the
stream, and closes. What it measures is bounded by itself where a server is quicker than it.
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
from hostonly.hello.conformance.subject import Program
from hostonly.hello.greeting import greeting_of
from hostonly.image.programs import java_program, python_program

ONE = Row("python-java", "1/s", "Python over Java, one connection after another", 1.2, True)
MANY = Row("python-java-64", "1/s", "Python over Java, 64 connections in flight", 1.2, True)

ROWS = (ONE, MANY)

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
        servers = [ending.enter_context(Program(*each).start()) for each in programs.items()]
        ours, theirs = (server.target.port for server in servers)
        made = [
            Comparison((row,), _rate(row, call, ours), _rate(row, call, theirs))
            for row, call in ((ONE, one_after_another), (MANY, in_flight))
        ]
        yield [one for one in made if one.rows[0].name in wanted]


def _rate(row: Row, call: Callable[[int, int], None], port: int) -> Side:
    def side() -> dict[str, float]:
        start = time.perf_counter()
        call(port, CALLS)
        return {row.name: CALLS / (time.perf_counter() - start)}

    return side


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
