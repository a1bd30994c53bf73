"""HelloSocket in Python: it behaves, to the byte, as ``src/main/java/hostonly/HelloSocket.java``.

It listens on port 8080 of all addresses (``HELLO_PORT`` names another) and answers every connection
with one line, ``Hello NAME! (n)``, in UTF-8. NAME is the first argument, or ``world`` when that is
absent or blank; n belongs to the accepted connection, so that no number is given twice or skipped.
``hostonly.hello.conformance`` tests both servers for all that they must do.

This file needs the standard library only: it is copied as it is into an image that has Python and
nothing else. One thread serves all clients and waits for none. After its line the server ends the
stream, and for a while reads and drops what the client sends: closing a socket that holds unread
data resets the connection, and a reset can take the line from a client that sent something first.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from time import monotonic

DEFAULT_PORT = 8080

# Connections that the kernel may hold ready for us: a burst of a thousand must fit.
BACKLOG = 4096

# Seconds that a client may take to read its line and to close its side; the same at the end.
DRAIN = 2.0
DRAIN_AT_STOP = 0.2

# Connections held open at once; beyond it the oldest one is closed.
MOST_OPEN = 4096

# Connections accepted before those already open are looked at again.
BATCH = 64


class Visitor:
    """An accepted connection: the rest of its line (``left``), and the time when it is ``late``."""

    __slots__ = ("client", "late", "left")

    def __init__(self, client: socket.socket, line: bytes) -> None:
        self.client = client
        self.left = line
        self.late = monotonic() + DRAIN


class HelloSocket:
    """The server: it listens at once, on ``port`` (0: any free one), and answers in ``serve``.

    Raises:
        OSError: the port is taken, or we may not listen on it.
    """

    def __init__(self, port: int, name: bytes | None) -> None:
        self._prefix = b"Hello " + name_of(name).encode() + b"! ("
        self._count = 0
        self._stopping = False
        self._open: dict[Visitor, None] = {}  # oldest first
        self._listener = _listen(port)
        self.port: int = self._listener.getsockname()[1]
        self._wake, self.waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = DefaultSelector()
        self._selector.register(self._listener, EVENT_READ)
        self._selector.register(self._wake, EVENT_READ)

    def stop(self, *_: object) -> None:
        """Make ``serve`` return; a signal that calls this ends a wait, by writing to ``waker``."""
        self._stopping = True

    def serve(self) -> None:
        """Answer connections until ``stop`` is called, and finish those that are there by then.

        Clients that wait are still answered; open connections have ``DRAIN_AT_STOP`` seconds."""
        while not self._stopping:
            self._round(next(iter(self._open)).late if self._open else None)
            self._leave_late()
        end = monotonic() + DRAIN_AT_STOP
        while self._accept() and monotonic() < end:
            pass
        self._selector.unregister(self._wake)
        self._selector.unregister(self._listener)
        self._listener.close()
        while self._open and monotonic() < end:
            self._round(end)
        for visitor in list(self._open):
            self._leave(visitor)

    def _round(self, until: float | None) -> None:
        """Wait for clients, at most until the time ``until``, and serve all that are ready."""
        for key, _ in self._selector.select(None if until is None else max(until - monotonic(), 0)):
            if key.fileobj is self._listener:
                self._accept()
            elif key.data in self._open:
                self._attend(key.data)

    def _accept(self) -> bool:
        """Greet at most ``BATCH`` clients that wait; return whether there may be more."""
        for _ in range(BATCH):
            try:
                client, _address = self._listener.accept()
            except BlockingIOError:
                return False
            except OSError:  # most likely no descriptor is left: make one free
                if not self._open:
                    return False
                self._leave(next(iter(self._open)))
                continue
            self._count += 1
            client.setblocking(False)
            visitor = Visitor(client, b"%b%d)\n" % (self._prefix, self._count))
            self._open[visitor] = None
            self._selector.register(client, EVENT_WRITE, visitor)
            self._attend(visitor)  # the line nearly always fits into the kernel's buffer now
        return True

    def _attend(self, visitor: Visitor) -> None:
        """Write what is left of the line; after it, read and drop until the client closes."""
        try:
            if visitor.left:
                visitor.left = visitor.left[visitor.client.send(visitor.left) :]
                if not visitor.left:
                    visitor.client.shutdown(socket.SHUT_WR)
                    self._selector.modify(visitor.client, EVENT_READ, visitor)
            elif not visitor.client.recv(64 * 1024):
                self._leave(visitor)
        except BlockingIOError:
            pass
        except OSError:  # the client is gone; its number stays used
            self._leave(visitor)

    def _leave_late(self) -> None:
        """Close the connections that are late, and the oldest ones while there are too many."""
        while self._open:
            oldest = next(iter(self._open))
            if oldest.late > monotonic() and len(self._open) <= MOST_OPEN:
                return
            self._leave(oldest)

    def _leave(self, visitor: Visitor) -> None:
        del self._open[visitor]
        self._selector.unregister(visitor.client)
        visitor.client.close()


def name_of(given: bytes | None) -> str:
    """Return the name to greet: ``given`` in one line, or ``world`` when it is None or blank."""
    text = "" if given is None else text_of(given)
    line = re.sub("[\x00-\x1f\x7f-\x9f]", " ", text)
    # What is blank to Python is so to Java: Unicode's spaces and the control characters.
    return "world" if not line.strip() else line


def text_of(given: bytes) -> str:
    """Return ``given`` decoded as UTF-8, with other bytes replaced as Java's decoder does."""
    return given.decode("utf-8", "hello-socket")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Replace bytes that are not UTF-8 as Java's decoder does: one U+FFFD for a whole surrogate."""
    assert isinstance(error, UnicodeDecodeError)
    surrogate = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?").match(error.object, error.start)
    return "\ufffd", surrogate.end() if surrogate else error.end


codecs.register_error("hello-socket", _replaced)


def _listen(port: int) -> socket.socket:
    """Listen on the wildcard address of IPv6 and IPv4, or of IPv4 alone where there is no IPv6."""
    six = socket.has_dualstack_ipv6()
    listener = socket.create_server(
        ("", port),
        family=socket.AF_INET6 if six else socket.AF_INET,
        backlog=BACKLOG,
        dualstack_ipv6=six,
    )
    listener.setblocking(False)
    return listener


def _as_many_descriptors_as_allowed() -> None:
    """Raise the limit of file descriptors, since each client takes one; a JVM does so itself."""
    try:
        import resource
    except ImportError:  # not part of the smallest Python; the oldest client makes room then
        return
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _say(line: str, stream: int) -> None:
    # Whoever started us may have closed it.
    with contextlib.suppress(OSError):
        os.write(stream, f"hello-socket: {line}\n".encode(errors="replace"))


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve until a signal (SIGTERM, SIGINT, SIGHUP); arguments after the first one are ignored.

    Return the exit code: 0, or 1 when the port cannot be had, or 2 for a wrong ``HELLO_PORT``."""
    asked = environment.get("HELLO_PORT", "")
    port = DEFAULT_PORT
    if asked:
        port = int(asked) if re.fullmatch("[0-9]{1,5}", asked) else -1
        if not 0 <= port <= 65535:
            given = text_of(os.fsencode(asked))
            _say(f"HELLO_PORT is '{given}', not a port number from 0 to 65535", 2)
            return 2
    _as_many_descriptors_as_allowed()
    try:
        server = HelloSocket(port, os.fsencode(arguments[0]) if arguments else None)
    except OSError as error:
        _say(f"cannot listen on port {port}: {os.strerror(error.errno or 0)}", 2)
        return 1
    signal.set_wakeup_fd(server.waker, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, server.stop)
    _say(f"listening on port {server.port}", 1)
    server.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
