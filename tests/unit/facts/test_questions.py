"""The one door to a fact: a question asked alone, and many in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hostonly.errors import Unreachable
from hostonly.facts import (
    Fact,
    NotObserved,
    Observed,
    Question,
    Unreadable,
    observe,
    observe_all,
    question,
    read,
)
from hostonly.testing import FakeVantage
from hostonly.vantages import Host, Result

NUMBER = question(["number"], int)


def product(one: str, other: str, *, root: bool = False) -> Question[int]:
    """What ``echo one`` prints; where that is not 0, times what ``echo other`` does."""

    def then(first: Result) -> Fact[int] | Question[int]:
        number = read(first, int)
        if isinstance(number, NotObserved) or number.value == 0:
            return number
        own = number.value

        def multiplied(second: Result) -> Fact[int]:
            return Observed(own * int(second.stdout), (first, second))

        return Question(("echo", other), multiplied, root)

    return Question(("echo", one), then, root)


def test_a_value_and_its_evidence() -> None:
    fact = observe(FakeVantage(otherwise="7\n"), NUMBER)
    assert isinstance(fact, Observed)
    assert (fact.value, [each.command for each in fact.evidence]) == (7, ["number"])
    assert fact.value_or(0) == 7


def test_what_is_not_known_has_a_reason() -> None:
    def parse(output: str) -> int:
        raise Unreadable("no number")

    for told, because in (
        ((1, "", "no such tool\n"), "`number` exited with 1: no such tool"),
        ((0, "x\n", ""), "`number` printed what cannot be read: no number"),
        (Unreachable("the connection broke"), "the connection broke"),
    ):
        fact = observe(FakeVantage(otherwise=told), question(["number"], parse))
        assert isinstance(fact, NotObserved) and fact.because == because
        assert fact.value_or(3) == 3


def test_a_question_may_lead_to_another() -> None:
    told = FakeVantage(otherwise=["6\n", "7\n"])
    fact = observe(told, product("6", "7"))
    assert isinstance(fact, Observed) and fact.value == 42
    assert [each.command for each in fact.evidence] == told.ran == ["echo 6", "echo 7"]
    # And need not.
    assert observe(FakeVantage(otherwise="0\n"), product("6", "7")).value_or(1) == 0


def test_what_was_run_before_the_connection_broke_is_evidence() -> None:
    fact = observe(
        FakeVantage(otherwise=["6\n", Unreachable("the connection broke")]), product("6", "7")
    )
    assert isinstance(fact, NotObserved) and fact.because == "the connection broke"
    assert [each.command for each in fact.evidence] == ["echo 6"]


@pytest.mark.parametrize(
    ("root", "before"), [(("sudo",), "sudo "), (("sudo", "-n"), "sudo -n "), ((), "")]
)
def test_what_only_root_may_run(root: tuple[str, ...], before: str) -> None:
    told = FakeVantage(otherwise=["6\n", "7\n"])
    observe(told, product("6", "7", root=True), root=root)
    assert told.ran == [f"{before}echo 6", f"{before}echo 7"]
    told = FakeVantage(otherwise="7\n")
    observe(told, NUMBER, root=root)
    assert told.ran == ["number"]


def test_a_question_from_behind_a_prefix() -> None:
    told = FakeVantage(otherwise=["6\n", "7\n"])
    fact = observe(
        told, product("6", "7", root=True).behind("nsenter", "--net", place="container web")
    )
    assert told.ran == ["nsenter --net sudo echo 6", "nsenter --net sudo echo 7"]
    assert {each.vantage for each in fact.evidence} == {"container web"}
    unnamed = observe(FakeVantage(otherwise="7\n"), NUMBER.behind("nsenter"))
    assert {each.vantage for each in unnamed.evidence} == {"sandbox"}


class Counted(Host):
    """This machine, with the round trips that were made to it."""

    def __init__(self, last: int = 99) -> None:
        self.trips, self.last = 0, last

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        self.trips += 1
        if self.trips > self.last:
            raise Unreachable("the connection broke")
        return super().run(argv, stdin=stdin, timeout=timeout)


MANY: dict[str, Question[Any]] = {
    "forty-two": product("6", "7"),
    "nothing": product("0", "7"),
    "here": question(["echo", "here"], str.strip),
    "twenty": product("4", "5"),
    "no": question(["false"], str.strip),
}


def test_many_facts_by_their_keys() -> None:
    host = Counted()
    facts = observe_all(host, MANY)
    assert list(facts) == list(MANY)
    assert [fact.value_or(None) for fact in facts.values()] == [42, 0, "here", 20, None]
    assert [each.command for each in facts["twenty"].evidence] == ["echo 4", "echo 5"]
    no = facts["no"]
    assert isinstance(no, NotObserved) and "exited with 1" in no.because
    # The second for what two questions led to, together.
    assert host.trips == 2
    assert observe_all(host, {}) == {} and host.trips == 2


def test_of_many_those_are_known_that_were_told_before_the_connection_broke() -> None:
    facts = observe_all(Counted(last=1), MANY)
    assert [fact.value_or(None) for fact in facts.values()] == [None, 0, "here", None, None]
    broken = facts["twenty"]
    assert isinstance(broken, NotObserved) and broken.because == "the connection broke"
    assert [each.command for each in broken.evidence] == ["echo 4"]


def test_a_question_of_many_may_have_a_longer_limit() -> None:
    slow = question(["sh", "-c", "sleep 0.5; echo done"], str.strip, timeout=20.0)
    assert observe_all(Host(), {"slow": slow}, timeout=0.1)["slow"].value_or("") == "done"
