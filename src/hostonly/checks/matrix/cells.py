"""A cell of the matrix: the facts that decide it, and what they amount to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hostonly.checks.matrix.attacker import LOOPBACK
from hostonly.checks.matrix.containers import Containers
from hostonly.checks.matrix.expectations import Expected
from hostonly.checks.matrix.vantages import Place
from hostonly.claims.cells import Aim, cell, leaves
from hostonly.facts import Fact, NotObserved, Observed
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute
from hostonly.results.judged import Cell
from hostonly.stage.stage import Stage

ROUTED = "routed"
TARGETS = {
    "own": "the container's own address",
    "sandbox": "the sandbox's address",
    "loopback": "the loopback address",
}

# By ("way", place, address), ("reach", place, address, port), ("control", place) and
# ("witness", mode).
Facts = Mapping[Any, Fact[Any]]


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground that the matrix is measured on: its containers, and its places by name."""

    stage: Stage
    containers: Containers
    places: Mapping[str, Place]

    def place(self, each: Expected) -> Place:
        """Return the place that the cell is looked at from."""
        mode = self.containers.servers[each.mode].mode
        peers = {"same": f"peer {mode.same}", "other": f"peer {mode.other}"}
        return self.places[peers.get(each.vantage, each.vantage)]

    def address(self, each: Expected) -> Fact[str | None]:
        """Return the address that the cell is aimed at."""
        if each.target == "own":
            return self.containers.servers[each.mode].address
        return Observed(self.stage.address if each.target == "sandbox" else LOOPBACK, ())

    def aims(self, expected: list[Expected]) -> list[tuple[Place, str, int]]:
        """Return place, address and port of each cell whose target has an address."""
        found = []
        for each in expected:
            if each.mode in self.containers.servers:
                address = self.address(each)
                if isinstance(address, Observed) and address.value is not None:
                    port = self.containers.servers[each.mode].port
                    found.append((self.place(each), address.value, port))
        return found

    def aim(self, each: Expected) -> Aim:
        """Return the cell's connection for its claim; no address where its mode is skipped."""
        what = f"{each.mode}: {TARGETS[each.target]}"
        aim = Aim(
            *(each.mode, each.target, each.vantage, each.vantage, what, "no address", 0),
            *(each.outcome, each.reason.text),
        )
        if each.mode in self.containers.skipped:
            return aim
        place, address = self.place(each), self.address(each)
        said = address.value if isinstance(address, Observed) else None
        return replace(
            aim,
            place=f"{place.name} with a route set" if each.vantage == ROUTED else place.name,
            address=said or aim.address,
            port=self.containers.servers[each.mode].port,
            within=place.within,
            beyond=self.places[place.beyond].within if place.beyond else frozenset(),
        )

    def deciding(self, each: Expected, facts: Facts) -> dict[str, Fact[Any]]:
        """Return those of ``facts`` that decide the cell, by the claim's parameters.

        There is no needless one, which would make the cell UNKNOWN where it was not observed."""
        place, address = self.place(each), self.address(each)
        if isinstance(address, NotObserved):
            return {"way": address}
        if address.value is None:
            return {"way": Observed(None, address.evidence)}
        way = facts["way", place, address.value]
        port = self.containers.servers[each.mode].port
        reach = facts.get(("reach", place, address.value, port))
        if isinstance(way, NotObserved) or leaves(way.value, place.within):
            return {"way": way}
        if reach is None and place.beyond is not None:
            return {"way": way, "onward": facts["way", self.places[place.beyond], address.value]}
        if reach is None:
            return {"way": way}
        if isinstance(reach, NotObserved) or reach.value.outcome is Outcome.ANSWERS:
            return {"way": way, "reach": reach}
        others = {"control": facts.get(("control", place)), "witness": facts["witness", each.mode]}
        known = {name: fact for name, fact in others.items() if fact is not None}
        return {"way": way, "reach": reach, **known}


def judge(ground: Ground, each: Expected, facts: Facts) -> Cell:
    """Judge the cell by those of ``facts`` that decide it."""
    aim, seen = ground.aim(each), None
    about: dict[str, object] = {"aim": aim}
    lacking = ground.containers.skipped.get(each.mode)
    if lacking is not None:
        claim = ground.stage.skip(cell, lacking.because, about=about, evidence=lacking.evidence)
    else:
        used = ground.deciding(each, facts)
        claim = ground.stage.judge(cell, about=about, **used)
        seen = _observed(used, aim)
    return Cell(aim, seen, claim)


def is_doubtful(ground: Ground, each: Expected, facts: Facts) -> bool:
    """Return whether the cell should be asked for again before it is judged.

    It should where it is not as expected, or not known, and nobody answered. On a busy machine
    silence may be an answer that is late; an answer is never doubtful."""
    if each.mode in ground.containers.skipped:
        return False
    address = ground.address(each)
    if isinstance(address, NotObserved) or address.value is None:
        return False
    used = ground.deciding(each, facts)
    seen = _observed(used, ground.aim(each))
    if seen is not None and seen.startswith(Outcome.ANSWERS):
        return False
    alive = all(
        isinstance(fact, Observed) and fact.value.outcome is Outcome.ANSWERS
        for name, fact in used.items()
        if name in ("control", "witness")
    )
    return seen != each.outcome.value or not alive


def _observed(used: Mapping[str, Fact[Any]], aim: Aim) -> str | None:
    way: Fact[ChosenRoute | None] = used["way"]
    if isinstance(way, NotObserved):
        return None
    if leaves(way.value, aim.within):
        return Outcome.NO_ROUTE.value
    onward: Fact[ChosenRoute | None] | None = used.get("onward")
    if isinstance(onward, Observed) and leaves(onward.value, aim.beyond):
        return Outcome.NO_ROUTE.value
    reach: Fact[Reach] | None = used.get("reach")
    if reach is None or isinstance(reach, NotObserved):
        return None
    greeting = reach.value.greeting
    if reach.value.outcome is Outcome.ANSWERS and (greeting is None or greeting.name != aim.mode):
        return f"{reach.value.outcome} (another)"
    return reach.value.outcome.value
