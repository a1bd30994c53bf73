"""Neighbours: which MAC address the kernel found behind an IP address on a link.

Source of the format: ip-neighbour(8) of iproute2 6.1 with ``-json`` (``ipneigh.c``)."""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.facts.fact import Unreadable, json_list
from hostonly.facts.questions import Question, question


@dataclass(frozen=True, slots=True)
class NeighbourEntry:
    """An entry of the neighbour table.

    ``mac`` is None while nobody has answered. ``states`` are the kernel's: ``REACHABLE``,
    ``STALE``, ``DELAY``, ``PROBE``, ``FAILED``, ``INCOMPLETE``, ``PERMANENT``, ``NOARP``."""

    address: str
    device: str
    mac: str | None
    states: frozenset[str]


def neighbours() -> Question[tuple[NeighbourEntry, ...]]:
    """Ask for the vantage's neighbour table; nothing is sent to fill it."""
    return question(["ip", "-json", "neigh"], parse)


def parse(output: str) -> tuple[NeighbourEntry, ...]:
    """Read ``ip -json neigh``."""
    try:
        return tuple(
            NeighbourEntry(
                str(item["dst"]), str(item["dev"]), item.get("lladdr"), frozenset(item["state"])
            )
            for item in json_list(output)
        )
    except (KeyError, TypeError) as error:
        raise Unreadable(f"no neighbour: {error!r}") from error
