"""Routes: the main table, and the kernel's own choice for one address; nothing is sent.

Source of the format: ip-route(8) of iproute2 6.1 with ``-json`` (``iproute.c``)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from hostonly.facts.fact import Fact, Observed, Unreadable, json_list, read
from hostonly.facts.questions import Question, question
from hostonly.vantages import Result
from hostonly.vantages.route_guard import NO_ROUTE_MESSAGES


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the main table.

    ``kind`` is ``unicast``, ``local``, ``unreachable``, …; ``device`` is None where the route leads
    nowhere; ``metric`` 0 is preferred."""

    destination: IPv4Network | IPv6Network
    device: str | None
    gateway: str | None = None
    source: str | None = None
    kind: str = "unicast"
    protocol: str | None = None
    scope: str | None = None
    metric: int = 0

    @property
    def is_default(self) -> bool:
        """Whether the route is for every address."""
        return self.destination.prefixlen == 0


@dataclass(frozen=True, slots=True)
class ChosenRoute:
    """The kernel's choice for a packet to ``address``."""

    address: str
    device: str
    gateway: str | None
    source: str | None
    kind: str = "unicast"


def routes(family: int = 4) -> Question[tuple[Route, ...]]:
    """Ask for the main table, for IP version ``family`` (4 or 6)."""
    return question(
        ["ip", f"-{family}", "-json", "route"], lambda output: parse(output, family=family)
    )


def route_to(address: str) -> Question[ChosenRoute | None]:
    """Ask for the vantage's kernel's way to ``address``; None means that it has none."""
    return Question(("ip", "-json", "route", "get", address), read_way)


def read_way(result: Result) -> Fact[ChosenRoute | None]:
    """Read the way that ``ip -json route get`` gave; None where the kernel said there is none."""
    if result.exit == 2 and any(message in result.stderr for message in NO_ROUTE_MESSAGES):
        return Observed(None, (result,))
    return read(result, parse_way)


def parse(output: str, *, family: int = 4) -> tuple[Route, ...]:
    """Read ``ip -json route``."""
    try:
        return tuple(_route(item, family) for item in json_list(output))
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"no route: {error!r}") from error


def parse_way(output: str) -> ChosenRoute:
    """Read ``ip -json route get``.

    Raises:
        Unreadable: the output is not exactly one route.
    """
    try:
        (item,) = json_list(output)
        return ChosenRoute(
            str(item["dst"]),
            str(item["dev"]),
            item.get("gateway"),
            item.get("prefsrc"),
            item.get("type", "unicast"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"no route: {error!r}") from error


def _route(item: dict[str, Any], family: int) -> Route:
    destination = item["dst"]
    if destination == "default":
        destination = "0.0.0.0/0" if family == 4 else "::/0"
    return Route(
        ip_network(destination),
        item.get("dev"),
        item.get("gateway"),
        item.get("prefsrc"),
        item.get("type", "unicast"),
        item.get("protocol"),
        item.get("scope"),
        int(item.get("metric", 0)),
    )
