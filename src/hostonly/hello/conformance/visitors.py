"""Cases about clients that misbehave, on a server that runs, and on one with a very long name."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from time import monotonic, sleep

from hostonly.hello.conformance.case import Wrong, of_running, of_started, require
from hostonly.hello.conformance.lines import PROMPT_SECONDS, greeting_from
from hostonly.hello.conformance.subject import Starter, Target
from hostonly.hello.greeting import greeting_of

SILENT = 50

# The server may close a client who stays, after two seconds; a busy machine may be late.
STAYS_SECONDS = 1.2
GONE_SECONDS = 8.0

# More than the kernel keeps for a client that does not read, less than an argument may be.
LONG = b"x" * 120_000


def read_all(client: socket.socket) -> bytes:
    """Return all that comes until the stream ends.

    Raises:
        Wrong: the connection was reset, or took too long.
    """
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except OSError as error:
        raise Wrong(f"after {len(data)} bytes: {error.strerror or error}") from error
    return data


@of_running("client.speaks-first", "A client that sends much before it reads gets its line.")
def speaks_first(target: Target) -> str:
    """Send 200,000 bytes before reading."""
    with target.connect() as client:
        try:
            for _ in range(20):
                client.sendall(bytes(10_000))
                sleep(0.002)
        except OSError as error:
            raise Wrong(f"while it spoke: {error.strerror or error}") from error
        data = read_all(client)
    require(greeting_of(data), f"that is no greeting: {data[:80]!r}")
    return "200,000 bytes were taken, and the line came"


@of_running("client.half-closed", "A client that has ended its own stream gets its line.")
def half_closed(target: Target) -> str:
    """End the client's own stream before reading."""
    with target.connect() as client:
        client.shutdown(socket.SHUT_WR)
        data = read_all(client)
    require(greeting_of(data), f"that is no greeting: {data[:80]!r}")
    return repr(data.decode())


@of_running("client.silent", "Clients that neither send nor close do not hold up the next one.")
def silent(target: Target) -> str:
    """Connect behind ``SILENT`` clients that do nothing."""
    with ExitStack() as clients:
        for _ in range(SILENT):
            clients.enter_context(target.connect())
        begin = monotonic()
        greeting_from(target)
        seconds = monotonic() - begin
    require(seconds < PROMPT_SECONDS, f"behind {SILENT} silent ones it took {seconds:.1f} s")
    return f"behind {SILENT} silent ones it took {seconds * 1000:.0f} ms"


def _send_until_refused(client: socket.socket, seconds: float) -> float | None:
    """Send bytes, and return after how many seconds one was refused; None where none was."""
    begin = monotonic()
    while monotonic() - begin < seconds:
        try:
            client.send(b"\n")
        except ConnectionError:
            # Not when it was about to be sent: we may have waited for a processor meanwhile.
            return monotonic() - begin
        sleep(0.05)
    return None


@of_running(
    "client.stays", f"What a client sends after its line is taken for {STAYS_SECONDS} s at least."
)
def stays(target: Target) -> str:
    """Send for ``STAYS_SECONDS`` after the line has come."""
    with target.connect() as client:
        require(greeting_of(read_all(client)), "there was no greeting")
        refused = _send_until_refused(client, STAYS_SECONDS)
    require(refused is None or refused >= STAYS_SECONDS, f"it was reset after {refused or 0:.1f} s")
    return f"for {STAYS_SECONDS} s all was taken"


@of_running(
    "client.stays-too-long", f"A client that never closes is closed, within {GONE_SECONDS:.0f} s."
)
def stays_too_long(target: Target) -> str:
    """Send after the line has come, until the server closes the connection."""
    with target.connect() as client:
        require(greeting_of(read_all(client)), "there was no greeting")
        refused = _send_until_refused(client, GONE_SECONDS)
    require(refused is not None, f"it was still there after {GONE_SECONDS:.0f} s")
    return f"it was closed after {refused or 0:.1f} s"


@of_started("client.never-reads", "Clients that never read do not hold up the next one.")
def never_reads(starter: Starter) -> str:
    """Connect behind 20 clients that never read a very long line."""
    with starter.start(LONG) as server, ExitStack() as clients:
        for _ in range(20):
            clients.enter_context(server.target.connect(narrow=True))
        sleep(0.2)
        begin = monotonic()
        (exchange,) = server.target.exchanges(1)
        seconds = monotonic() - begin
        require(
            exchange.data == b"Hello %b! (21)\n" % LONG,
            f"{len(exchange.data)} bytes came, ending in {exchange.data[-20:]!r}",
        )
        require(seconds < PROMPT_SECONDS, f"behind them it took {seconds:.1f} s")
    return f"behind 20 that never read, {len(exchange.data)} bytes took {seconds * 1000:.0f} ms"


@of_started("client.reads-slowly", "A client that reads slowly gets its whole line.")
def reads_slowly(starter: Starter) -> str:
    """Read a very long line slowly, and then its rest."""
    with (
        starter.start(LONG) as server,
        server.target.connect(narrow=True) as client,
    ):
        data = b""
        begin = monotonic()
        while monotonic() - begin < 0.6:
            data += client.recv(1024)
            sleep(0.02)
        data += read_all(client)
    require(data == b"Hello %b! (1)\n" % LONG, f"{len(data)} bytes came, ending in {data[-20:]!r}")
    return f"{len(data)} bytes came"
