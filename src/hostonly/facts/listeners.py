"""Sockets that listen, with the processes that hold them: ``ss -H -l -t -n -p``.

Source of the format: ss(8) of iproute2 6.1 (``misc/ss.c``): state, receive queue, send queue, local
address:port, peer address:port, then ``users:(("NAME",pid=N,fd=N),…)``. The names are the kernel's
own (at most 15 characters), and only root is shown other people's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

# Who holds a published port: the process that the engine starts for it or, from 28 on, the engine itself.
PROXY, ENGINE = "docker-proxy", "dockerd"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a socket."""

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens.

    ``protocol`` is ``tcp`` or ``udp``. The ``address`` ``*`` means every address of both families,
    ``0.0.0.0`` and ``[::]`` those of one. ``device`` is the link that it is bound to, if any.
    ``holders`` is empty for a socket of the kernel's own."""

    protocol: str
    address: str
    port: int
    holders: tuple[Holder, ...]
    device: str | None = None


def listeners(protocol: str = "tcp") -> Question[tuple[Listener, ...]]:
    """Ask what listens on ``protocol`` (``tcp`` or ``udp``)."""
    kind = {"tcp": "-t", "udp": "-u"}[protocol]
    return question(
        ["ss", "-H", "-l", kind, "-n", "-p"], lambda output: parse(output, protocol), root=True
    )


def on_port(listeners: tuple[Listener, ...], port: int) -> tuple[Listener, ...]:
    """Return those of ``listeners`` that have ``port``."""
    return tuple(listener for listener in listeners if listener.port == port)


LINE = re.compile(
    r"(?P<state>\S+)\s+\d+\s+\d+\s+"
    r"(?P<address>\S+?)(?:%(?P<device>[^\s:\]]+))?:(?P<port>\d+)\s+\S+:(?:\d+|\*)"
    r"(?:\s+users:\((?P<users>.*)\))?\s*(?:\S+:.*)?"
)
USER = re.compile(r'\("((?:[^"\\]|\\.)*)",pid=(\d+),fd=\d+\)')


def parse(output: str, protocol: str = "tcp") -> tuple[Listener, ...]:
    """Read ``ss -H -l -n -p``; no line at all means that nothing listens."""
    return tuple(_listener(line, protocol) for line in output.splitlines() if line.strip())


def _listener(line: str, protocol: str) -> Listener:
    match = LINE.fullmatch(line.strip())
    if match is None:
        raise Unreadable(f"line {line!r}")
    users = match["users"] or ""
    found = USER.findall(users)
    if bool(users) != bool(found):
        raise Unreadable(f"the processes in line {line!r}")
    # A process has a socket several times, once for each descriptor.
    holders = dict.fromkeys(Holder(name, int(pid)) for name, pid in found)
    return Listener(protocol, match["address"], int(match["port"]), tuple(holders), match["device"])
