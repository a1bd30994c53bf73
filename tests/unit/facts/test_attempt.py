"""What became of an attempt, read from what tools really said (Debian 12, C locale)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.checks.isolation.probes import CALLS, COMMANDS, probes
from hostonly.facts import NotObserved, Observed, observe
from hostonly.facts.attempt import Attempt, AttemptOutcome, attempt, read_attempt, system_call
from hostonly.testing import FakeVantage
from hostonly.vantages import Host, Result

Captured = Callable[[str], str]


def result(exit: int, stderr: str, stdout: str = "") -> Result:
    return Result("sandbox", "sandbox", "try it", exit, stdout, stderr, 0.0)


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        ("allowed", AttemptOutcome.ALLOWED),
        ("mknod", AttemptOutcome.REFUSED),
        ("denied", AttemptOutcome.REFUSED),
        ("read-only", AttemptOutcome.REFUSED),
        ("mount", AttemptOutcome.REFUSED),
        ("no-file", AttemptOutcome.ABSENT),
        ("no-folder", AttemptOutcome.ABSENT),
        ("unknown-filesystem", AttemptOutcome.ABSENT),
        ("no-system-call", AttemptOutcome.ABSENT),
        ("no-program", None),
    ],
)
def test_captured_runs(captured: Captured, run: str, outcome: AttemptOutcome | None) -> None:
    exit, stderr = int(captured(f"attempt/{run}.exit")), captured(f"attempt/{run}.stderr")
    fact = observe(FakeVantage(otherwise=(exit, "", stderr)), attempt("it", ["try", "it"]))
    if outcome is None:
        assert isinstance(fact, NotObserved)
    else:
        said = "" if outcome is AttemptOutcome.ALLOWED else stderr.splitlines()[0]
        assert isinstance(fact, Observed) and fact.value == Attempt("it", outcome, said)


def test_what_was_done_was_not_refused() -> None:
    fact = read_attempt("it", result(0, "warning: permission denied, but done\n"))
    assert fact.value_or(None) == Attempt("it", AttemptOutcome.ALLOWED)


@pytest.mark.parametrize(
    ("exit", "stderr"),
    [
        (1, ""),
        (1, "sudo: a password is required\n"),
        (124, ""),
        (9, ""),
        (2, "sh: 1: echo: echo: I/O error\n"),
        (255, "Modification of a read-only value attempted at -e line 1.\n"),
    ],
)
def test_a_failure_of_another_kind_tells_nothing(exit: int, stderr: str) -> None:
    assert isinstance(read_attempt("it", result(exit, stderr)), NotObserved)


def test_what_was_tried_is_said() -> None:
    assert str(Attempt("kcore", AttemptOutcome.ABSENT, "no kcore")) == "kcore: no kcore"
    assert str(Attempt("mknod p", AttemptOutcome.ALLOWED)) == "mknod p: allowed"


@pytest.mark.skipif(not Host().run(["perl", "-v"]).ok, reason="there is no perl here")
def test_system_calls_on_this_machine() -> None:
    import platform

    number = CALLS.get(platform.machine(), {}).get("getpid")
    if number is None:
        pytest.skip(f"the system calls of {platform.machine()} are not known")
    for call, outcome in (
        (system_call("getpid", number, "0"), AttemptOutcome.ALLOWED),
        # A number that no kernel has.
        (system_call("none", 9999, "0"), AttemptOutcome.ABSENT),
    ):
        fact = observe(Host(), attempt("it", call[1:]))
        assert isinstance(fact, Observed), fact
        assert fact.value.outcome is outcome


def test_probes_of_an_unknown_machine_are_there_and_cannot_be_tried() -> None:
    known, unknown = probes("x86_64"), probes("sparc64")
    assert [probe.id for probe in known] == [probe.id for probe in unknown]
    assert len({probe.id for probe in known}) == len(known)
    assert all(probe.tries and probe.control for probe in known)
    assert [probe.control is None for probe in unknown[len(COMMANDS) :]] == [True] * (
        len(known) - len(COMMANDS)
    )


def test_both_tables_have_the_same_calls() -> None:
    assert CALLS["x86_64"].keys() == CALLS["aarch64"].keys()
