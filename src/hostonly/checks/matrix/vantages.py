"""The columns of the matrix: the places that it is looked at from, each with its control."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from hostonly.facts import Fact, Question, observe_all
from hostonly.facts.routes import ChosenRoute
from hostonly.vantages import Vantage

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Place:
    """A place to look from: the vantage ``at``, or with ``prefix`` a container's network there.

    ``within`` are the interfaces by which packets stay in the networks that are looked at.
    ``control`` is an address and port that must answer from here, None where there is no way out.
    ``routed`` says that routes were set there for the check. ``beyond`` names the place that sends
    on what a container here gives its gateway.
    """

    name: str
    at: Vantage
    within: frozenset[str]
    control: tuple[str, int] | None
    prefix: tuple[str, ...] = ()
    routed: bool = False
    beyond: str | None = None

    def keeps(self, way: Fact[ChosenRoute | None]) -> bool:
        """Return whether a packet on this ``way`` is known to stay within."""
        known = way.value_or(None)
        return known is not None and known.device in self.within


def ask_all(questions: Mapping[K, tuple[Place, Question[Any]]]) -> dict[K, Fact[Any]]:
    """Ask all ``questions``: a round trip a machine, all machines at the same time."""
    by_machine: dict[int, dict[K, Question[Any]]] = {}
    machines: dict[int, Vantage] = {}
    for key, (place, question) in questions.items():
        machines[id(place.at)] = place.at
        there = question.behind(*place.prefix, place=place.name)
        by_machine.setdefault(id(place.at), {})[key] = there
    with ThreadPoolExecutor(max(1, len(machines))) as pool:
        answers = pool.map(
            lambda number: observe_all(machines[number], by_machine[number]), machines
        )
        return {key: fact for part in answers for key, fact in part.items()}
