"""The vantage for tests: its own example, and what it does where an answer is asked for more than once."""

from __future__ import annotations

import doctest

import pytest

from hostonly import testing
from hostonly.errors import Unreachable
from hostonly.facts.batch import run_at_once
from hostonly.testing import FakeVantage
from hostonly.vantages import Result


def test_its_example_is_true() -> None:
    assert doctest.testmod(testing) == doctest.TestResults(failed=0, attempted=6)


def test_answers_are_used_up_one_by_one() -> None:
    vantage = FakeVantage({"date": ["1\n", (1, "", "no\n")], "id": "x\n"}, otherwise=["a", "b"])
    assert [vantage.run(["date"]).stdout, vantage.run(["date"]).exit] == ["1\n", 1]
    with pytest.raises(AssertionError, match=r"sandbox\$ date: no answer is recorded, or none"):
        vantage.run(["date"])
    assert {vantage.run(["id"]).stdout for _ in range(9)} == {"x\n"}
    assert [vantage.run([name]).stdout for name in ("who", "what")] == ["a", "b"]
    with pytest.raises(AssertionError, match="none is left"):
        vantage.run(["who"])


def test_a_recorded_result_is_given_as_it_was_and_an_error_raised() -> None:
    recorded = Result("host", "host", "sleep 9", 124, "", "", 9.0)
    vantage = FakeVantage({"sleep 9": recorded}, otherwise=Unreachable("it is gone"))
    assert vantage.run(["sleep", "9"]) is recorded
    with pytest.raises(Unreachable, match="it is gone"):
        vantage.run(["true"])


def test_what_is_asked_in_one_round_trip_is_answered_one_by_one() -> None:
    odd = ["printf", "%s", "job 1 & 'wait'\n"]
    vantage = FakeVantage({"uname": "Linux\n"}, name="host", otherwise=(3, "grüße", "err\0"))
    first, second, third = run_at_once(vantage, [odd, ["uname"], ["job", "2", "&"]])
    assert (first.exit, first.stdout, first.stderr) == (3, "grüße", "err\0")
    assert (second.vantage, second.command, second.stdout) == ("host", "uname", "Linux\n")
    assert third.exit == 3
    assert [line.split()[0] for line in vantage.ran] == ["printf", "uname", "job"]
