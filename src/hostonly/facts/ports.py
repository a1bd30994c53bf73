"""Port numbers as iptables writes them: ``8080``, ``8000:9000``, ``80,443,8000:9000``.

They also stand behind the colon of an address that a target rewrites to: ``172.17.0.2:8080``,
``[fd00::2]:8000-8010/80``. Source: iptables-extensions(8) 1.8.9, the sections tcp, multiport, DNAT,
REDIRECT."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hostonly.facts.fact import Unreadable

LAST = 65535
SPAN = re.compile(r"(\d*)(?:([:-])(\d*))?")
REWRITTEN = re.compile(r"(?P<host>\[[^\]]*\]|[^\[\]:]*)(?::(?P<ports>[\d-]+)(?:/\d+)?)?")


class Ports:
    """A set of port numbers, kept as ranges."""

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self.spans = tuple(spans)

    def __contains__(self, port: int) -> bool:
        return any(first <= port <= last for first, last in self.spans)


def ports_in(written: str) -> Ports:
    """Read one value of an option: a number, a range, or a list of them."""
    spans = []
    for part in written.split(","):
        match = SPAN.fullmatch(part)
        if match is None or not part:
            raise Unreadable(f"ports {written!r}")
        first, dash, last = match.groups()
        if dash is None:
            spans.append((int(first), int(first)))
        else:
            # A range that is open at one end reaches to the end of all ports.
            spans.append((int(first or 0), int(last or LAST)))
    return Ports(spans)


def rewritten_to(written: str) -> tuple[str, Ports | None]:
    """Read address and ports of a ``--to-destination``; no ports where the port stays as it was."""
    match = REWRITTEN.fullmatch(written)
    if match is None:
        raise Unreadable(f"destination {written!r}")
    ports = match["ports"]
    return match["host"].strip("[]"), ports_in(ports) if ports else None
