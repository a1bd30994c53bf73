"""The columns of the matrix: places to look from, each with its control."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hostonly.facts import Fact, NotObserved
from hostonly.facts.batch import Look, observe_all
from hostonly.facts.routes import Way
from hostonly.vantages import Result, Vantage

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A place to look from: the machine ``at``, or with ``prefix`` the network of a container
    there. ``within`` are the interfaces by which packets stay in the networks that are looked at;
    ``control`` is an address and port that must answer from here, None where there is no way out.
    ``routed``: routes were set there for the occasion; ``beyond`` names the place that
    sends on what a container here gives its gateway.
    """

    name: str
    at: Vantage
    within: frozenset[str]
    control: tuple[str, int] | None
    prefix: tuple[str, ...] = ()
    routed: bool = False
    beyond: str | None = None

    def look(self, look: Look[T]) -> Look[T]:
        """``look`` from here, to be run ``at`` the machine."""

        def read(result: Result) -> Fact[T]:
            return look.read(replace(result, vantage=self.name))

        return Look((*self.prefix, *look.argv), read)

    def keeps(self, way: Fact[Way | None]) -> bool:
        """Whether a packet on this ``way`` is known to stay within."""
        if isinstance(way, NotObserved) or way.value is None:
            return False
        return way.value.device in self.within


def ask_all(questions: Mapping[K, tuple[Place, Look[Any]]]) -> dict[K, Fact[Any]]:
    """The answers to all ``questions``: a round trip a machine, all machines at the same time."""
    by_machine: dict[int, dict[K, Look[Any]]] = {}
    machines: dict[int, Vantage] = {}
    for key, (place, look) in questions.items():
        machines[id(place.at)] = place.at
        by_machine.setdefault(id(place.at), {})[key] = place.look(look)
    with ThreadPoolExecutor(max(1, len(machines))) as pool:
        answers = pool.map(
            lambda number: observe_all(machines[number], by_machine[number]), machines
        )
        return {key: fact for part in answers for key, fact in part.items()}
