"""HelloSocket in Python: the same server as ``src/main/java/hostonly/HelloSocket.java``, to the byte.

It listens on port 8080 of all addresses (``HELLO_PORT`` names another) and answers every connection
with one line, ``Hello NAME! (n)``, in UTF-8. NAME is the first argument, or ``world`` when that is
absent or blank; n belongs to the accepted connection, so that no number is given twice or skipped.
``hostonly.hello.conformance`` holds both servers to that and to the rest.

One file, the standard library only: it is copied as it is into the image that needs Python and
nothing else. One thread serves everybody and waits for nobody. After the line comes the end of
stream, and then what the client sends is read and dropped for a while: closing a socket that holds
unread data resets the connection, and a reset can take the line away from a client that spoke first.

Speed is in what is not done. A client that reads its line and closes, as nearly all do, has closed
by the time the next one is served: so a new connection is looked at again after the next round, and
only one that is still open then is registered with epoll.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import signal
import sys
from _socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    MSG_DONTWAIT,
    MSG_MORE,
    SHUT_WR,
    SO_REUSEADDR,
    SOCK_STREAM,
    SOL_SOCKET,
)
from _socket import socket as Socket
from collections import deque
from collections.abc import Mapping, Sequence
from select import EPOLLIN, EPOLLOUT, epoll
from time import monotonic

# `_socket.socket` is the type beneath `socket.socket`, which makes half a dozen conversions of its own
# for each connection that is accepted.

DEFAULT_PORT = 8080

# Connections that the kernel may hold ready for us: a burst of a thousand must fit.
BACKLOG = 4096

# Seconds that a client may take to read its line and to close its side; the same at the end.
DRAIN = 2.0
DRAIN_AT_STOP = 0.2

# Connections held open at once; beyond it the oldest one is closed.
MOST_OPEN = 4096

# Connections accepted before those already open are looked at again.
BATCH = 16

# Seconds that a connection may stay open before it costs a registration with epoll.
FRESH = 0.002

# Seconds after a connection in which the next one is looked for without going to sleep, where there is a
# processor to spare: being woken takes longer than serving. A client that calls again at once needs less.
AWAKE = 0.0001


class HelloSocket:
    """Listens at once; answers while ``serve`` runs.

    ``port`` is 0 to 65535, where 0 takes any free one; ``name`` as given, see ``name_of``;
    ``drain`` in seconds. Raises OSError: the port is taken, or not for us.
    """

    def __init__(self, port: int, name: bytes | None, drain: float = DRAIN) -> None:
        self._prefix = b"Hello " + name_of(name).encode() + b"! ("
        self._drain = drain
        self._listener = _listen(port)
        self._epoll = epoll()
        self._epoll.register(self._listener.fileno(), EPOLLIN)
        # Accepted, by descriptor, oldest first, with the time of acceptance.
        self._open: dict[int, tuple[Socket, float]] = {}
        # Those among them that epoll does not watch yet.
        self._fresh: deque[int] = deque()
        # What is still to be written of a line that the kernel had no room for.
        self._unwritten: dict[int, memoryview] = {}
        self._discarded = bytearray(64 * 1024)
        self._count = 0
        self._look_at_late = 0.0
        self._stopping = False
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll.register(self._wake, EPOLLIN)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def waker(self) -> int:
        """A descriptor: what is written to it ends ``serve``'s wait (``signal.set_wakeup_fd``)."""
        return self._waker

    def stop(self, *_: object) -> None:
        """Ask ``serve`` to return; may be called by a signal handler or another thread."""
        self._stopping = True
        with contextlib.suppress(OSError):
            os.write(self._waker, b"\0")

    def serve(self) -> None:
        """Answer until ``stop``; then answer those that already wait, and give those that are open
        ``DRAIN_AT_STOP`` to finish."""
        listener, wake = self._listener.fileno(), self._wake
        poll, since = self._epoll.poll, 0
        awake, awake_until = AWAKE if len(os.sched_getaffinity(0)) > 1 else 0.0, 0.0
        while not self._stopping:
            events = poll(0, 64)
            while not events and monotonic() < awake_until:
                events = poll(0, 64)
            if not events:
                events = poll(FRESH if self._fresh else 0.1 if self._open else None, 64)
            accepted = False
            for descriptor, _ in events:
                if descriptor == listener:
                    self._accept()
                    accepted = True
                elif descriptor != wake:
                    self._attend(descriptor)
            since += 1
            if not accepted or since >= BATCH or len(self._fresh) < 2:
                since = 0
                self._look_again()
                self._leave_late()
            if accepted:
                awake_until = monotonic() + awake
        end = monotonic() + DRAIN_AT_STOP
        while self._epoll.poll(0) and self._accept() and monotonic() < end:
            self._look_again()
        self._epoll.unregister(listener)
        self._listener.close()
        self._epoll.unregister(self._wake)
        while self._open and monotonic() < end:
            for descriptor, _ in self._epoll.poll(FRESH):
                self._attend(descriptor)
            self._look_again()
        for descriptor in list(self._open):
            self._leave(descriptor)

    def _accept(self) -> bool:
        """Greet one who waits; whether there was one.

        Asking for another who may not be there would cost as much as serving one: the kernel
        makes a socket before it looks. So epoll is asked instead, once for each.
        """
        try:
            descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            return False
        except OSError:  # most likely no descriptor is left: make one free
            if self._open:
                self._leave(next(iter(self._open)))
            return False
        client = Socket(AF_INET6, SOCK_STREAM, 0, descriptor)
        self._count += 1
        self._open[descriptor] = client, monotonic()
        line = b"%b%d)\n" % (self._prefix, self._count)
        try:
            # More to come: the line and the end of stream then travel in one packet.
            written = client.send(line, MSG_DONTWAIT | MSG_MORE)
            if written == len(line):
                client.shutdown(SHUT_WR)
                self._fresh.append(descriptor)
                return True
        except BlockingIOError:
            written = 0
        except OSError:  # the client is gone; its number stays used
            self._leave(descriptor)
            return True
        self._unwritten[descriptor] = memoryview(line)[written:]
        self._epoll.register(descriptor, EPOLLOUT)
        return True

    def _look_again(self) -> None:
        """Leave the new ones that have closed meanwhile; have epoll watch those who stay."""
        fresh = self._fresh
        if not fresh:
            return
        stays_since = monotonic() - FRESH
        while fresh:
            descriptor = fresh[0]
            if descriptor in self._open:
                client, accepted = self._open[descriptor]
                try:
                    closed = not client.recv_into(self._discarded, 0, MSG_DONTWAIT)
                except BlockingIOError:
                    closed = False
                except OSError:
                    closed = True
                if closed:
                    self._leave(descriptor)
                elif accepted <= stays_since:
                    self._epoll.register(descriptor, EPOLLIN)
                else:
                    return
            fresh.popleft()

    def _attend(self, descriptor: int) -> None:
        """Write what is left of the line; after it, read and drop until the client closes."""
        if descriptor not in self._open:
            return
        client, _ = self._open[descriptor]
        left = self._unwritten.get(descriptor)
        try:
            if left is None:
                if not client.recv_into(self._discarded, 0, MSG_DONTWAIT):
                    self._leave(descriptor)
                return
            left = left[client.send(left, MSG_DONTWAIT) :]
            if left:
                self._unwritten[descriptor] = left
                return
            del self._unwritten[descriptor]
            client.shutdown(SHUT_WR)
            self._epoll.modify(descriptor, EPOLLIN)
        except BlockingIOError:
            return
        except OSError:
            self._leave(descriptor)

    def _leave_late(self) -> None:
        """Close those who have been here for too long, and the oldest of too many."""
        now = monotonic()
        if now < self._look_at_late and len(self._open) <= MOST_OPEN:
            return
        self._look_at_late = now + 0.05
        late = now - self._drain
        while self._open:
            descriptor, (_, accepted) = next(iter(self._open.items()))
            if accepted > late and len(self._open) <= MOST_OPEN:
                return
            self._leave(descriptor)

    def _leave(self, descriptor: int) -> None:
        client, _ = self._open.pop(descriptor)
        self._unwritten.pop(descriptor, None)
        client.close()  # epoll forgets what is closed


def name_of(given: bytes | None) -> str:
    """The name to greet: ``given`` in one line, or ``world`` when it is None or blank."""
    text = "" if given is None else text_of(given)
    line = "".join(" " if _is_control(character) else character for character in text)
    # What is blank to Python is so to Java: Unicode's spaces and the control characters.
    return "world" if not line.strip() else line


def text_of(given: bytes) -> str:
    """``given`` read as UTF-8, where it is none as Java's decoder does."""
    return given.decode("utf-8", "hello-socket")


def _is_control(character: str) -> bool:
    return character <= "\x1f" or "\x7f" <= character <= "\x9f"


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What Java's decoder makes of bytes that are not UTF-8: one mark for a whole surrogate."""
    assert isinstance(error, UnicodeDecodeError)
    surrogate = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?").match(error.object, error.start)
    return "\ufffd", surrogate.end() if surrogate else error.end


codecs.register_error("hello-socket", _replaced)


def _listen(port: int) -> Socket:
    """The wildcard address of IPv6 and IPv4, or of IPv4 alone where there is no IPv6."""
    try:
        listener = Socket(AF_INET6, SOCK_STREAM)
        listener.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
    except OSError:
        listener = Socket(AF_INET, SOCK_STREAM)
    try:
        listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _as_many_descriptors_as_allowed() -> None:
    """A thousand clients at once need as many descriptors; Java's VM asks for them itself."""
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
    """Serve until SIGTERM; arguments after the first one are ignored. The exit code: 0, or 1 when
    the port cannot be had, or 2 when ``HELLO_PORT`` is not a port number."""
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
        _say(f"cannot listen on port {port}: {error.strerror}", 2)
        return 1
    signal.set_wakeup_fd(server.waker, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, server.stop)
    _say(f"listening on port {server.port}", 1)
    server.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
