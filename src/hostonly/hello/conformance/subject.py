"""The subject of the suite: a server that runs at an address, or something that starts servers."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hostonly.hello.conformance.case import NotPossible, Wrong
from hostonly.hello.exchange import Exchange, Exchanges, family
from hostonly.waiting import limit, more_patience, until

# A JVM on a busy machine, a container on a slow one.
START_SECONDS = 20.0
POLL_SECONDS = 0.005

NARROW_WINDOW = 2048
NARROW_SEGMENT = 536

WIDE_WINDOW = 1 << 20
WIDEST_UNSCALED = 65535

SAID = re.compile(r"\b([0-9]{1,5})\s*$")
HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Target:
    """A running server at ``address`` (an IP address) and ``port``.

    ``name`` is the name that it was given, None where we do not know it."""

    address: str
    port: int
    name: str | None = None

    def connect(self, *, seconds: float = 5.0, narrow: bool = False) -> socket.socket:
        """Return a connection, with a time limit of ``seconds`` for each of its operations.

        ``narrow`` gives it a small window and small segments, by which the kernels measure how much
        they keep for a client that does not read.

        Raises:
            Wrong: the connection could not be made.
        """
        client = socket.socket(family(self.address), socket.SOCK_STREAM)
        client.settimeout(seconds)
        if narrow:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_WINDOW)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, NARROW_SEGMENT)
        try:
            client.connect((self.address, self.port))
        except OSError as error:
            client.close()
            raise Wrong(f"no connection: {error.strerror or error}") from error
        return client

    def exchanges(self, count: int, *, parallel: int = 1, hold: bool = False) -> list[Exchange]:
        """Connect ``count`` times, ``parallel`` at a time; see ``Exchanges``."""
        return Exchanges(
            self.address, self.port, count, parallel=parallel, limit=10.0, hold=hold
        ).run()


def widen(client: socket.socket) -> None:
    """Let a ``narrow`` connection take what is left in a few large pieces.

    Each piece costs both sides a turn of the processor, for which they may have to wait."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WIDE_WINDOW)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, WIDEST_UNSCALED)


class StartedServer(Protocol):
    """A server that was started for a case."""

    @property
    def target(self) -> Target:
        """The server's address and port."""
        ...

    def output(self) -> tuple[str, str]:
        """Return what the server has said so far, on standard output and on standard error."""
        ...

    def signal(self, name: str) -> None:
        """Send the server a signal: ``TERM``, ``STOP``, ``CONT``."""
        ...

    def wait(self, seconds: float) -> int:
        """Wait for the end of the server, and return its exit code.

        Raises:
            Wrong: the server is still there after ``seconds``.
        """
        ...

    def line_over_ipv6(self) -> bytes:
        """Return what a client on the server's own machine gets at ``::1``.

        Raises:
            NotPossible: there is no IPv6.
        """
        ...


class Starter(Protocol):
    """A way to start servers of one implementation."""

    @property
    def name(self) -> str:
        """The name of the implementation."""
        ...

    def start(
        self,
        *arguments: bytes,
        environment: Mapping[str, str] | None = None,
        unprivileged: bool = False,
    ) -> AbstractContextManager[StartedServer]:
        """Start a server with ``arguments``, for as long as the context lasts.

        The context begins when the server has said a line or has ended. Without ``environment``,
        ``HELLO_PORT`` is 0; ``unprivileged`` takes away the right to listen on ports below 1024.

        Raises:
            Wrong: the server neither says anything nor ends.
            NotPossible: a server cannot be started so here.
        """
        ...


def port_said(output: str) -> int:
    """Return the port that ends the first line of a server's ``output``; 0 where there is none."""
    found = SAID.search(output.split("\n", 1)[0])
    port = int(found[1]) if found else 0
    return port if port <= HIGHEST_PORT else 0


class Program:
    """A starter of servers that are programs of this machine: ``argv``, followed by the arguments.

    The names of their temporary folders begin with ``temporary``."""

    def __init__(self, name: str, argv: Sequence[str], *, temporary: str = "hostonly-") -> None:
        self.name = name
        self._temporary = temporary
        self._argv = [os.fsencode(word) for word in argv]

    @contextlib.contextmanager
    def start(
        self,
        *arguments: bytes,
        environment: Mapping[str, str] | None = None,
        unprivileged: bool = False,
    ) -> Iterator[Process]:
        """Start a program, as ``Starter`` says."""
        given = {"HELLO_PORT": "0"} if environment is None else environment
        inherited = {k: v for k, v in os.environ.items() if k != "HELLO_PORT"}
        with tempfile.TemporaryDirectory(prefix=self._temporary) as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            with out.open("wb") as stdout, err.open("wb") as stderr:
                process = subprocess.Popen(
                    [*_without_low_ports(unprivileged), *self._argv, *arguments],
                    env={**inherited, **given},
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
            try:
                _wait_for_a_line(process, out)
                yield Process(process, out, err)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def _without_low_ports(unprivileged: bool) -> list[bytes]:
    if not unprivileged:
        return []
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="utf-8")
    if int(first) < 1024:
        raise NotPossible(f"here everybody may listen on ports from {first.strip()}")
    if os.geteuid() != 0:
        return []
    return [b"setpriv", b"--bounding-set=-net_bind_service", b"--inh-caps=-net_bind_service"]


def _wait_for_a_line(process: subprocess.Popen[bytes], out: Path) -> None:
    def ready() -> bool:
        return b"\n" in out.read_bytes() or process.poll() is not None

    if not until(ready, bool, START_SECONDS, pause=POLL_SECONDS):
        raise Wrong(says_nothing())


def says_nothing() -> str:
    """Return the sentence about a server that has not said its first line in time."""
    late = f"it has said nothing {limit(START_SECONDS):g} s after its start"
    return f"{late} ({more_patience()})"


class Process:
    """A program that was started; a ``StartedServer``."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self._process = process
        self._out, self._err = out, err

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def target(self) -> Target:
        """The program's address and port, by its first line."""
        return Target("127.0.0.1", port_said(self.output()[0]))

    def output(self) -> tuple[str, str]:
        """Return what the program has written to its two files so far."""
        return (
            self._out.read_text(errors="backslashreplace", encoding="utf-8"),
            self._err.read_text(errors="backslashreplace", encoding="utf-8"),
        )

    def signal(self, name: str) -> None:
        """Send the program a signal."""
        self._process.send_signal(signal.Signals[f"SIG{name}"])

    def wait(self, seconds: float) -> int:
        """Return the program's exit code, or after a signal 128 and the signal's number."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Wrong(f"it is still there after {seconds:g} s") from None
        return status if status >= 0 else 128 - status

    def line_over_ipv6(self) -> bytes:
        """Return what the program answers at ``::1``."""
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6):
                pass
        except OSError as error:
            raise NotPossible(f"no IPv6 on this machine: {error.strerror}") from error
        (exchange,) = Target("::1", self.target.port).exchanges(1)
        return exchange.data
