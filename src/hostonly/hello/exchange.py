"""Connections to HelloSocket from this machine, many at once, each with its answer and its times.

A client of HelloSocket sends nothing: it connects and reads until the server ends the stream. One
thread drives all connections through one selector, so that the measured times are the server's.
"""

from __future__ import annotations

import enum
import errno
import ipaddress
import os
import selectors
import socket
from dataclasses import dataclass
from time import monotonic

# A line is at most as long as an argument may be (128 KiB), and a stranger's page must not fill us.
MOST_BYTES = 256 * 1024

# Connections begun before those already begun are looked at.
BEGIN_AT_ONCE = 64


class StreamEnd(enum.StrEnum):
    """The end of a connection, or the reason why there was no connection."""

    ENDED = "ENDED"  # the server ended the stream
    REFUSED = "REFUSED"
    NO_ROUTE = "NO ROUTE"
    CONNECT_TIMEOUT = "CONNECT TIMEOUT"  # nobody answered the request to connect
    RESET = "RESET"  # after it was made
    SILENT = "SILENT"  # the stream was not ended within the time limit
    ENDLESS = "ENDLESS"  # more than MOST_BYTES came
    FAILED = "FAILED"  # this machine could not: no port or descriptor was left


@dataclass(slots=True)
class Exchange:
    """A connection to HelloSocket: ``data`` is all that came, ``why`` the kernel's reason, if any.

    ``begun``, ``connected`` (None: no connection was made) and ``ended`` are seconds of the
    monotonic clock."""

    begun: float
    data: bytes = b""
    ending: StreamEnd | None = None
    connected: float | None = None
    ended: float = 0.0
    why: str = ""

    @property
    def seconds(self) -> float:
        """The seconds from the request to connect until the end."""
        return self.ended - self.begun


ENDINGS = {
    errno.ECONNREFUSED: StreamEnd.REFUSED,
    errno.ENETUNREACH: StreamEnd.NO_ROUTE,
    errno.EHOSTUNREACH: StreamEnd.NO_ROUTE,
    errno.ETIMEDOUT: StreamEnd.CONNECT_TIMEOUT,
    errno.ECONNRESET: StreamEnd.RESET,
    errno.EPIPE: StreamEnd.RESET,
}


def family(address: str) -> socket.AddressFamily:
    """Return the address family of ``address``, an IP address.

    Raises:
        ValueError: ``address`` is no IP address.
    """
    six = ipaddress.ip_address(address).version == 6
    return socket.AF_INET6 if six else socket.AF_INET


class Exchanges:
    """A run of ``count`` connections to an IP ``address`` and ``port``, ``parallel`` at a time.

    Each may take ``limit`` seconds. With ``hold``, none is closed until all have ended.
    """

    def __init__(
        self,
        address: str,
        port: int,
        count: int,
        *,
        parallel: int = 1,
        limit: float = 5.0,
        hold: bool = False,
    ) -> None:
        self._to = (address, port)
        self._family = family(address)
        self._count = count
        self._parallel = parallel
        self._limit = limit
        self._hold = hold
        self._held: list[socket.socket] = []
        self._made: list[Exchange] = []
        self._waiting: dict[socket.socket, Exchange] = {}

    def run(self) -> list[Exchange]:
        """Make the connections, and return them in the order in which they began."""
        with selectors.DefaultSelector() as selector:
            try:
                self._run(selector)
            finally:
                for left in [*self._held, *self._waiting]:
                    left.close()
        return self._made

    def _run(self, selector: selectors.BaseSelector) -> None:
        while len(self._made) < self._count or self._waiting:
            for _ in range(BEGIN_AT_ONCE):
                if len(self._made) == self._count or len(self._waiting) >= self._parallel:
                    break
                self._begin(selector)
            oldest = next(iter(self._waiting.values()), None)
            if oldest is None:
                continue
            may_begin = len(self._made) < self._count and len(self._waiting) < self._parallel
            left = oldest.begun + self._limit - monotonic()
            for key, _ in selector.select(0 if may_begin else max(left, 0)):
                self._attend(selector, key.data)
            self._give_up_late(selector)

    def _begin(self, selector: selectors.BaseSelector) -> None:
        exchange = Exchange(monotonic())
        self._made.append(exchange)
        try:
            client = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            self._failed(exchange, error.errno or 0)
            return
        status = client.connect_ex(self._to)
        if status not in (0, errno.EINPROGRESS):
            client.close()
            self._failed(exchange, status)
            return
        self._waiting[client] = exchange
        selector.register(client, selectors.EVENT_WRITE, client)

    def _failed(self, exchange: Exchange, number: int) -> None:
        exchange.ended = monotonic()
        exchange.ending = ENDINGS.get(number, StreamEnd.FAILED)
        exchange.why = os.strerror(number)

    def _attend(self, selector: selectors.BaseSelector, client: socket.socket) -> None:
        exchange = self._waiting[client]
        if exchange.connected is None:
            status = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if status:
                self._failed(exchange, status)
                self._end(selector, client)
                return
            exchange.connected = monotonic()
            selector.modify(client, selectors.EVENT_READ, client)
        try:
            # Whatever is there, to the end of stream where that has come too.
            while piece := client.recv(65536):
                exchange.data += piece
                if len(exchange.data) > MOST_BYTES:
                    exchange.ending = StreamEnd.ENDLESS
                    break
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(exchange, error.errno or 0)
        exchange.ended = monotonic()
        exchange.ending = exchange.ending or StreamEnd.ENDED
        self._end(selector, client)

    def _give_up_late(self, selector: selectors.BaseSelector) -> None:
        now = monotonic()
        for client, exchange in list(self._waiting.items()):
            if now - exchange.begun < self._limit:
                return  # oldest first
            exchange.ended = now
            made = exchange.connected is not None
            exchange.ending = StreamEnd.SILENT if made else StreamEnd.CONNECT_TIMEOUT
            self._end(selector, client)

    def _end(self, selector: selectors.BaseSelector, client: socket.socket) -> None:
        selector.unregister(client)
        del self._waiting[client]
        if self._hold:
            self._held.append(client)
        else:
            client.close()
