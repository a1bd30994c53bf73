"""Neighbours: which MAC address the kernel found behind an IP address on a link.

Source of the format: ip-neighbour(8) of iproute2 6.1 with ``-json`` (``ipneigh.c``).
"""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.facts.fact import Fact, Unreadable, json_list, observe
from hostonly.vantages import Vantage


@dataclass(frozen=True, slots=True)
class Neighbour:
    """``mac`` is None while nobody has answered; ``states`` are the kernel's: ``REACHABLE``,
    ``STALE``, ``DELAY``, ``PROBE``, ``FAILED``, ``INCOMPLETE``, ``PERMANENT``, ``NOARP``."""

    address: str
    device: str
    mac: str | None
    states: frozenset[str]


def observe_neighbours(vantage: Vantage) -> Fact[tuple[Neighbour, ...]]:
    """The neighbour table of ``vantage``. Nothing is sent to fill it."""
    return observe(vantage, ["ip", "-json", "neigh"], parse)


def parse(output: str) -> tuple[Neighbour, ...]:
    """Read ``ip -json neigh``; ``Unreadable`` when it is something else."""
    try:
        return tuple(
            Neighbour(
                str(item["dst"]), str(item["dev"]), item.get("lladdr"), frozenset(item["state"])
            )
            for item in json_list(output)
        )
    except (KeyError, TypeError) as error:
        raise Unreadable(f"no neighbour: {error!r}") from error
