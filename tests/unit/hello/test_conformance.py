"""The suite itself: every case by a name, every mutant for one of them, and the quick cases tried.

All cases on all servers, and every mutant, are tried in tests/integration/test_conformance.py.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from hostonly.errors import UsageError
from hostonly.hello.conformance import CASES, CaseOutcome, Program, Target, run_suite
from hostonly.hello.conformance.subject import port_said
from tests.unit.hello.mutants import MUTANTS, SERVER, write

PYTHON = Program("python", [sys.executable, "-I", str(SERVER)])
QUICK = ("line", "count.rises", "name.first", "port.taken", "stop.sigterm")


def test_the_python_server_passes_what_is_quick() -> None:
    results = list(run_suite(PYTHON, QUICK))
    assert {result.outcome for result in results} == {CaseOutcome.PASSES}, results
    assert [result.case.name for result in results][:2] == ["line.form", "line.ends"]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_differs_where_it_says(name: str, tmp_path: Path) -> None:
    assert MUTANTS[name].fails in CASES
    compile(write(name, tmp_path).read_text(), name, "exec")


def test_every_case_can_fail() -> None:
    """There is a mutant for each case, but for those that another way of failing is tried for."""
    assert set(CASES) - {mutant.fails for mutant in MUTANTS.values()} == set()


@pytest.mark.parametrize(
    "name", ["no-end-of-line", "counts-by-two", "last-argument", "taken-is-fine"]
)
def test_a_mutant_fails_by_name(name: str, tmp_path: Path) -> None:
    program = Program(name, [sys.executable, "-I", str(write(name, tmp_path))])
    (result,) = run_suite(program, [MUTANTS[name].fails])
    assert (result.outcome, result.case.name) == (CaseOutcome.FAILS, MUTANTS[name].fails)


def test_a_server_that_is_not_there_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    results = list(run_suite(Target("127.0.0.1", port), ["line", "port.given"]))
    assert [result.outcome for result in results] == [
        CaseOutcome.FAILS,
        CaseOutcome.FAILS,
        CaseOutcome.SKIPPED,
    ]


def test_a_program_that_ends_at_once_fails() -> None:
    (result,) = run_suite(Program("false", ["false"]), ["line.form"])
    assert (result.outcome, result.because[:15]) == (CaseOutcome.FAILS, "it did not star")


def test_there_is_no_such_case() -> None:
    with pytest.raises(UsageError, match="there is no case 'lines'"):
        list(run_suite(PYTHON, ["lines"]))


@pytest.mark.parametrize(
    ("said", "port"),
    [
        ("listening on port 8080\nmore 9", 8080),
        ("listening on port 65535", 65535),
        ("listening on port 65536", 0),
        ("listening on port " + "9" * 5000, 0),
        ("listening", 0),
    ],
)
def test_the_port_that_a_server_says_is_one(said: str, port: int) -> None:
    assert port_said(said) == port
