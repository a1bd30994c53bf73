"""Many commands in one round trip: run for real, on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hostonly.errors import Unreachable
from hostonly.facts import NotObserved, observe_all, question
from hostonly.facts.batch import run_at_once
from hostonly.testing import FakeVantage
from hostonly.vantages import NOT_FOUND, TIMED_OUT, Host, Result


def test_each_has_its_own_result() -> None:
    odd = "two words; $HOME 'quoted'\n\ttab"
    results = run_at_once(
        Host(),
        [
            ["printf", "%s", odd],
            ["sh", "-c", "echo out; echo err >&2; exit 3"],
            ["true"],
            ["no-such-command"],
            ["cat"],
        ],
    )
    first, second, silent, missing, empty = results
    assert (first.stdout, first.stderr, first.exit) == (odd, "", 0)
    assert (second.stdout, second.stderr, second.exit) == ("out\n", "err\n", 3)
    assert (silent.output, silent.exit) == ("", 0)
    assert missing.exit == NOT_FOUND
    assert (empty.stdout, empty.exit) == ("", 0)
    assert first.command == Host().run(["printf", "%s", odd]).command
    assert {result.vantage for result in results} == {"host"}


def test_long_output_of_several_does_not_mix() -> None:
    letters = "abcd"
    lines = 20_000
    results = run_at_once(
        Host(), [["sh", "-c", f"yes {letter * 9} | head -n {lines}"] for letter in letters]
    )
    for letter, result in zip(letters, results, strict=True):
        assert result.stdout == f"{letter * 9}\n" * lines


def test_bytes_that_are_no_text_survive_as_such() -> None:
    (result,) = run_at_once(Host(), [["printf", r"a\377\000b\r\n0 exit 0 0 0\n"]])
    assert result.stdout == "a�\0b\r\n0 exit 0 0 0\n"
    assert result.exit == 0


def test_they_run_side_by_side_and_each_has_the_limit() -> None:
    start = time.monotonic()
    results = run_at_once(Host(), [["sleep", "30"]] * 3 + [["echo", "quick"]], timeout=1)
    assert time.monotonic() - start < 25
    assert [result.exit for result in results] == [TIMED_OUT] * 3 + [0]
    assert results[0].seconds >= 0.9


def test_no_command_is_no_round_trip() -> None:
    assert run_at_once(FakeVantage(), []) == ()


class CutOff(Host):
    """A vantage whose shell dies before it has told everything."""

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        result = super().run(argv, stdin=stdin, timeout=timeout)
        return replace(result, stdout="\n".join(result.stdout.splitlines()[:1]), stderr="Killed\n")


def test_what_was_not_told_is_not_an_empty_answer() -> None:
    with pytest.raises(Unreachable, match="did not tell what became of"):
        run_at_once(CutOff(), [["echo", "a"], ["echo", "b"]])
    questions = {word: question(["echo", word], str) for word in ("a", "b")}
    facts = observe_all(CutOff(), questions)
    assert all(isinstance(fact, NotObserved) for fact in facts.values())
