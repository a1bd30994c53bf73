"""A cell of the matrix: which facts decide it, and what they amount to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hostonly.checks.matrix.attacker import LOOPBACK
from hostonly.checks.matrix.containers import Field
from hostonly.checks.matrix.expectations import Expected
from hostonly.checks.matrix.vantages import Place
from hostonly.claims.cells import cell, leaves
from hostonly.facts import Fact, NotObserved, Observed
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import Way
from hostonly.results.matrix import Cell
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
    """What the matrix is measured on: the containers, and the places to look from by name."""

    stage: Stage
    field: Field
    places: Mapping[str, Place]

    def place(self, each: Expected) -> Place:
        """Where the cell is looked at from."""
        mode = self.field.rows[each.mode].mode
        peers = {"same": f"peer {mode.same}", "other": f"peer {mode.other}"}
        return self.places[peers.get(each.vantage, each.vantage)]

    def address(self, each: Expected) -> Fact[str | None]:
        """What the cell is aimed at."""
        if each.target == "own":
            return self.field.rows[each.mode].address
        return Observed(self.stage.address if each.target == "sandbox" else LOOPBACK, ())

    def aims(self, expected: list[Expected]) -> list[tuple[Place, str, int]]:
        """From where to which address and port each cell asks that has an address to ask at."""
        found = []
        for each in expected:
            if each.mode in self.field.rows:
                address = self.address(each)
                if isinstance(address, Observed) and address.value is not None:
                    port = self.field.rows[each.mode].port
                    found.append((self.place(each), address.value, port))
        return found


def judge(ground: Ground, each: Expected, facts: Facts) -> Cell:
    """The cell, judged by those of ``facts`` that decide it."""
    seen = None
    if each.mode in ground.field.skipped:
        about = _about(each, each.vantage, "no address", 0, frozenset())
        lacking = ground.field.skipped[each.mode]
        claim = ground.stage.skip(cell, lacking.because, about=about, evidence=lacking.evidence)
    else:
        place, address = ground.place(each), ground.address(each)
        port = ground.field.rows[each.mode].port
        said = address.value if isinstance(address, Observed) else None
        name = f"{place.name} with a route set" if each.vantage == ROUTED else place.name
        about = _about(each, name, said or "no address", port, place.within)
        beyond = ground.places[place.beyond] if place.beyond else None
        about["beyond"] = beyond.within if beyond else frozenset()
        used = _deciding(each.mode, address, place, beyond, port, facts)
        claim = ground.stage.judge(cell, about=about, **used)
        seen = _observed(used, place, beyond, each.mode)
    outcome = each.outcome.value
    return Cell(each.mode, each.vantage, each.target, outcome, seen, each.reason.text, claim)


def is_doubtful(ground: Ground, each: Expected, facts: Facts) -> bool:
    """Whether the cell should be asked for again before it is judged: it is not as expected, or not
    known, and nobody answered. On a busy machine silence may be somebody who is late; an answer is an
    answer."""
    if each.mode in ground.field.skipped:
        return False
    place, address = ground.place(each), ground.address(each)
    if isinstance(address, NotObserved) or address.value is None:
        return False
    beyond = ground.places[place.beyond] if place.beyond else None
    port = ground.field.rows[each.mode].port
    used = _deciding(each.mode, address, place, beyond, port, facts)
    seen = _observed(used, place, beyond, each.mode)
    if seen is not None and seen.startswith(Outcome.ANSWERS):
        return False
    alive = all(
        isinstance(fact, Observed) and fact.value.outcome is Outcome.ANSWERS
        for name, fact in used.items()
        if name in ("control", "witness")
    )
    return seen != each.outcome.value or not alive


def _about(
    each: Expected, place: str, address: str, port: int, within: frozenset[str]
) -> dict[str, object]:
    return {
        "mode": each.mode,
        "target": each.target,
        "vantage": each.vantage,
        "place": place,
        "what": f"{each.mode}: {TARGETS[each.target]}",
        "address": address,
        "port": port,
        "expected": each.outcome,
        "reason": each.reason.text,
        "greets": each.mode,
        "within": within,
        "beyond": frozenset(),
    }


def _deciding(
    mode: str,
    address: Fact[str | None],
    place: Place,
    beyond: Place | None,
    port: int,
    facts: Facts,
) -> dict[str, Fact[Any]]:
    """The facts by the claim's parameters: no more than are needed, since a needless one that was
    not observed would make the cell UNKNOWN."""
    if isinstance(address, NotObserved):
        return {"way": address}
    if address.value is None:
        return {"way": Observed(None, address.evidence)}
    way = facts["way", place, address.value]
    reach = facts.get(("reach", place, address.value, port))
    if isinstance(way, NotObserved) or leaves(way.value, place.within):
        return {"way": way}
    if reach is None and beyond is not None:
        return {"way": way, "onward": facts["way", beyond, address.value]}
    if reach is None:
        return {"way": way}
    if isinstance(reach, NotObserved) or reach.value.outcome is Outcome.ANSWERS:
        return {"way": way, "reach": reach}
    others = {"control": facts.get(("control", place)), "witness": facts["witness", mode]}
    known = {name: fact for name, fact in others.items() if fact is not None}
    return {"way": way, "reach": reach, **known}


def _observed(
    used: Mapping[str, Fact[Any]], place: Place, beyond: Place | None, greets: str
) -> str | None:
    way: Fact[Way | None] = used["way"]
    if isinstance(way, NotObserved):
        return None
    if leaves(way.value, place.within):
        return Outcome.NO_ROUTE.value
    onward: Fact[Way | None] | None = used.get("onward")
    if isinstance(onward, Observed) and beyond is not None and leaves(onward.value, beyond.within):
        return Outcome.NO_ROUTE.value
    reach: Fact[Reach] | None = used.get("reach")
    if reach is None or isinstance(reach, NotObserved):
        return None
    greeting = reach.value.greeting
    if reach.value.outcome is Outcome.ANSWERS and (greeting is None or greeting.name != greets):
        return f"{reach.value.outcome} (another)"
    return reach.value.outcome.value
