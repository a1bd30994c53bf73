"""Connections that the kernel tracks, with their two directions: ``conntrack -L -o xml``.

Source of the format: conntrack(8) 1.4.7 and libnetfilter_conntrack's ``snprintf_xml.c``. With no
entry at all it prints nothing; over SSH that cannot be, since that connection is tracked as well,
so no output is never taken for an empty table."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question


@dataclass(frozen=True, slots=True)
class Direction:
    """Addresses, and ports where the protocol has them, of the packets that go one way."""

    source: str
    destination: str
    source_port: int | None = None
    destination_port: int | None = None

    def __str__(self) -> str:
        return f"{self.source}:{self.source_port} > {self.destination}:{self.destination_port}"


@dataclass(frozen=True, slots=True)
class Flow:
    """A tracked connection.

    ``reply`` differs from ``original`` turned round where an address was rewritten. ``state`` is
    TCP's (``ESTABLISHED``, ``TIME_WAIT``), else empty."""

    protocol: str
    state: str
    original: Direction
    reply: Direction

    @property
    def addresses(self) -> frozenset[str]:
        """Every address in the connection."""
        ends = (self.original, self.reply)
        return frozenset(address for end in ends for address in (end.source, end.destination))

    def __str__(self) -> str:
        return f"{self.protocol} {self.original} {self.state}".rstrip()


def conntrack() -> Question[tuple[Flow, ...]]:
    """Ask for every connection that the kernel tracks in the vantage's network."""
    return question(["conntrack", "-L", "-o", "xml"], parse, root=True)


def parse(output: str) -> tuple[Flow, ...]:
    """Read ``conntrack -L -o xml``.

    Raises:
        Unreadable: the output is not the whole document.
    """
    try:
        return tuple(_flow(item) for item in ElementTree.fromstring(output).findall("flow"))
    except (ElementTree.ParseError, ValueError) as error:
        raise Unreadable(f"no list of flows: {error}") from error


def _flow(item: ElementTree.Element) -> Flow:
    layer = item.find("meta[@direction='original']/layer4")
    if layer is None:
        raise Unreadable("a flow without a protocol")
    return Flow(
        # The kernel's number where the tool knows no name.
        layer.get("protoname", "").replace("unknown", layer.get("protonum", "")),
        item.findtext("meta[@direction='independent']/state", ""),
        _direction(item, "original"),
        _direction(item, "reply"),
    )


def _direction(item: ElementTree.Element, name: str) -> Direction:
    meta = item.find(f"meta[@direction='{name}']")
    if meta is None:
        raise Unreadable(f"a flow without its {name} direction")
    source, destination = meta.findtext("layer3/src"), meta.findtext("layer3/dst")
    if source is None or destination is None:
        raise Unreadable("a flow without addresses")
    ports = [meta.findtext(f"layer4/{each}") for each in ("sport", "dport")]
    return Direction(source, destination, *(int(port) if port else None for port in ports))
