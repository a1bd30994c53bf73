"""On a busy machine somebody is late: what is silent is asked again, and what answered is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hostonly.checks.matrix import check as matrix
from hostonly.checks.matrix.cells import Facts, Ground, judge
from hostonly.checks.matrix.containers import Containers, Server, lacking_of, why_not
from hostonly.checks.matrix.expectations import Expected, Reason
from hostonly.checks.matrix.modes import MODES, PEERS
from hostonly.checks.matrix.vantages import Place
from hostonly.claims import Verdict
from hostonly.facts import Fact, NotObserved, Observed
from hostonly.facts.kernel import KINDS, missing
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute
from hostonly.testing import FakeVantage
from hostonly.vantages import Host

ADDRESS, PORT = "172.17.0.2", 8081
WHY = Reason("why", "so it is", "somewhere")
HOST = Place("host", Host(), frozenset({"hostonly0"}), ("172.16.0.2", 8080))
GREETING = Reach(Outcome.ANSWERS, "Hello bridge! (1)\n")
SILENT, EMPTY, REFUSED = (
    Reach(outcome) for outcome in (Outcome.TIMEOUT, Outcome.EMPTY, Outcome.REFUSED)
)
UNKNOWN = NotObserved("the command outlived its limit")


def ground(skipped: dict[str, NotObserved]) -> Ground:
    mode = next(mode for mode in MODES if mode.name == "bridge")
    server = Server(mode, "", PORT, 1, Observed(ADDRESS, ()))
    containers = Containers({} if skipped else {"bridge": server}, {}, skipped)
    stage = SimpleNamespace(
        address="172.16.0.2",
        skip=lambda claim, because, **more: claim.skip(because, **more),
    )
    return Ground(cast(Any, stage), containers, {"host": HOST})


def cell(outcome: Outcome) -> Expected:
    return Expected("bridge", "own", "host", outcome, WHY)


def measured(attempt: Reach | None, control: Reach | None, witness: Reach) -> Facts:
    """What one round of measuring gives; None: not observed."""

    def fact(reach: Reach | None) -> Fact[Reach]:
        return UNKNOWN if reach is None else Observed(reach, ())

    return {
        ("way", HOST, ADDRESS): Observed(ChosenRoute(ADDRESS, "hostonly0", None, "172.16.0.1"), ()),
        ("reach", HOST, ADDRESS, PORT): fact(attempt),
        ("control", HOST): fact(control),
        ("witness", "bridge"): fact(witness),
    }


@pytest.mark.parametrize(
    ("expected", "rounds", "asked"),
    [
        # Late once, and there the next time.
        (Outcome.ANSWERS, [(EMPTY, GREETING, GREETING), (GREETING, GREETING, GREETING)], 2),
        (Outcome.ANSWERS, [(SILENT, GREETING, GREETING), (GREETING, GREETING, GREETING)], 2),
        (Outcome.ANSWERS, [(None, GREETING, GREETING), (GREETING, GREETING, GREETING)], 2),
        # Silent again and again: that is how it is.
        (Outcome.ANSWERS, [(SILENT, GREETING, GREETING)] * 3, 3),
        # As expected; but silence without a control is not known to be any.
        (Outcome.TIMEOUT, [(SILENT, GREETING, GREETING)], 1),
        (Outcome.TIMEOUT, [(SILENT, SILENT, GREETING), (SILENT, GREETING, GREETING)], 2),
        (Outcome.TIMEOUT, [(SILENT, None, GREETING), (SILENT, GREETING, GREETING)], 2),
        (Outcome.REFUSED, [(REFUSED, GREETING, SILENT), (REFUSED, GREETING, GREETING)], 2),
        # Answered is answered, whatever was expected.
        (Outcome.TIMEOUT, [(GREETING, SILENT, SILENT)], 1),
    ],
)
def test_asked_again_until_nobody_can_be_late(
    expected: Outcome, rounds: list[tuple[Reach | None, Reach | None, Reach]], asked: int
) -> None:
    told = [measured(*each) for each in rounds]
    left = iter(told)
    one = cell(expected)

    def measure(_: Ground, cells: list[Expected]) -> Facts:
        assert cells == [one]
        return next(left)

    settled = matrix.settled(ground({}), measure, [one])
    assert len(told) == asked and next(left, None) is None
    assert settled[one] is told[-1]


def test_a_mode_that_is_skipped_is_not_asked_again() -> None:
    one = cell(Outcome.ANSWERS)
    rounds: Iterator[Facts] = iter([{}])
    skipped = {"bridge": NotObserved("no such kernel")}
    settled = matrix.settled(ground(skipped), lambda *_: next(rounds), [one])
    assert settled == {one: {}}


class Without(FakeVantage):
    """A sandbox whose kernel has nothing but what every kernel has, and what it is given."""

    def __init__(self, *has: str) -> None:
        super().__init__()
        self.has = {KINDS[kind] for kind in has}

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        if argv[-1] in self.has:
            return 0, "", ""
        if argv[-1].startswith("test "):
            return 1, "", ""
        return 2, "", "Error: Unknown device type.\n"


def test_a_mode_that_is_skipped_keeps_what_shows_why() -> None:
    lacking = lacking_of(Without())
    assert lacking and all(each.because == missing(k) for k, each in lacking.items())
    (mode,) = (mode for mode in MODES if mode.needs == ("macvlan",))
    on_ground = ground({mode.name: lacking["macvlan"]})
    skipped = judge(on_ground, replace(cell(Outcome.ANSWERS), mode=mode.name), {})
    assert skipped.claim.verdict is Verdict.SKIPPED
    assert "Unknown device type" in skipped.claim.evidence[0].output


def test_an_overlay_needs_br_netfilter_as_well() -> None:
    """For docker_gwbridge, which an engine makes in a swarm."""
    (mode,) = (mode for mode in MODES if mode.name == "overlay")
    (peer,) = (peer for peer in PEERS if peer.name == "overlay")
    assert mode.needs == peer.needs == ("vxlan", "br_netfilter")
    lacking = lacking_of(Without("vxlan", "macvlan"))
    assert [each.name for each in (*MODES, *PEERS) if why_not(each, lacking)] == ["overlay"] * 2
    why = why_not(mode, lacking)
    assert why is not None and why.because == missing("br_netfilter") and why.evidence
