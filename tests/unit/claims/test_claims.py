"""Every claim is shown to hold, to fail when a fact is false, and to be unknown without a fact."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import hostonly.claims
from hostonly.claims import Claim, Judgement, Verdict, claim, worst
from hostonly.facts import NotObserved, Observed, Unreadable
from hostonly.vantages import Result
from tests.unit.claims.case import Case

CASES: list[Case] = [
    case
    for file in sorted(Path(__file__).parent.glob("cases*.py"))
    for case in import_module(f"tests.unit.claims.{file.stem}").CASES
]

VERDICT = {True: Verdict.HOLDS, False: Verdict.FAILS, None: Verdict.UNKNOWN}


def evidence(command: str) -> tuple[Result, ...]:
    return (Result("sandbox", "sandbox", command, 0, "", "", 0.0),)


def claims() -> dict[str, Claim]:
    """Every Claim in the modules of the package, by module and name."""
    found = {}
    for module in pkgutil.iter_modules(hostonly.claims.__path__):
        for name, value in vars(import_module(f"hostonly.claims.{module.name}")).items():
            if isinstance(value, Claim):
                found[f"{module.name}.{name}"] = value
    return found


def judge(case: Any, *, without: str | None = None) -> Any:
    facts = {
        name: NotObserved("nc exited with 127", evidence(f"look for {name}"))
        if name == without
        else Observed(value, evidence(f"look for {name}"))
        for name, value in case.values.items()
    }
    return case.claim.judge(about=case.about, **facts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.claim.id}-{case.holds}")
def test_verdict_and_reason(case: Any) -> None:
    result = judge(case)
    assert result.verdict is VERDICT[case.holds], result.because
    assert case.says in result.because
    assert "{" not in result.id + result.sentence
    assert [r.command for r in result.evidence] == [f"look for {name}" for name in case.values]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.claim.id}-{case.holds}")
def test_unknown_without_any_one_fact(case: Any) -> None:
    for name in case.values:
        result = judge(case, without=name)
        assert result.verdict is Verdict.UNKNOWN
        assert "nc exited with 127" in result.because
        assert f"look for {name}" in [r.command for r in result.evidence]


@pytest.mark.parametrize(("name", "subject"), claims().items(), ids=list(claims()))
def test_every_claim_is_shown_to_hold_and_to_fail(name: str, subject: Claim) -> None:
    mine = [case for case in CASES if case.claim is subject]
    assert {True, False} <= {case.holds for case in mine}
    assert all(case.values for case in mine), "a claim needs a fact, or it cannot be unknown"
    assert subject.source and subject.check.__doc__


def test_a_skipped_claim_has_a_reason() -> None:
    @claim("some.thing", "Port {port} is {state}.", source="nowhere")
    def some_thing(*, port: int, state: str, seen: bool) -> Judgement:
        """Holds never."""
        return Judgement(False, "")

    result = some_thing.skip("this kernel has no ipvlan", about={"port": 80, "state": "shut"})
    assert (result.verdict, result.because) == (Verdict.SKIPPED, "this kernel has no ipvlan")
    assert result.sentence == "Port 80 is shut."


def test_a_check_that_meets_unreadable_output_knows_nothing() -> None:
    @claim("some.thing", "Something.", source="nowhere")
    def some_thing(*, seen: bool) -> Judgement:
        """Reads what cannot be read."""
        raise Unreadable("ports 'http'")

    result = some_thing.judge(seen=Observed(True, ()))
    assert result.verdict is Verdict.UNKNOWN
    assert "ports 'http'" in result.because


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ([], Verdict.UNKNOWN),
        ([Verdict.HOLDS], Verdict.HOLDS),
        ([Verdict.HOLDS, Verdict.SKIPPED], Verdict.HOLDS),
        ([Verdict.SKIPPED], Verdict.SKIPPED),
        ([Verdict.HOLDS, Verdict.UNKNOWN], Verdict.UNKNOWN),
        ([Verdict.UNKNOWN, Verdict.FAILS, Verdict.HOLDS], Verdict.FAILS),
    ],
)
def test_the_worst_verdict_counts(verdicts: list[Verdict], whole: Verdict) -> None:
    assert worst(verdicts) is whole
