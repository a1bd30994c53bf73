"""What containers and the registry say never drives the terminal, on whatever way it gets there."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest

import hostonly.tasks
from hostonly.claims import ClaimResult, Verdict
from hostonly.report.escape import one_a_line, plain
from hostonly.report.progress import Follower
from hostonly.report.terminal import Terminal
from hostonly.results.transcript import ClaimJudged, StepEnded
from hostonly.tasks.session import show
from hostonly.vantages import Result

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\r"
TASKS = Path(hostonly.tasks.__file__).parent


def test_controls_become_visible() -> None:
    said = plain(HOSTILE + "é\tñ\n")
    assert said.isprintable() is False and "\x1b" not in said  # tab and newline stay
    assert said == r"\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\r" + "é\tñ\n"


def test_a_line_break_in_a_name_makes_no_second_name() -> None:
    assert one_a_line(["a\nb", "c" + HOSTILE]).splitlines() == [
        "a\\nb",
        r"c\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\r",
    ]
    assert one_a_line([]) == ""


def test_results_of_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    show(HOSTILE)
    assert capsys.readouterr().out == plain(HOSTILE) + "\n"


@pytest.mark.parametrize("name", sorted(file.name for file in TASKS.glob("*.py")))
def test_tasks_print_by_show_only(name: str) -> None:
    # session.py has `show` itself and the question at the terminal; test.py's words are its own.
    if name in ("session.py", "test.py"):
        return
    calls = [
        node
        for node in ast.walk(ast.parse((TASKS / name).read_text()))
        if isinstance(node, ast.Call)
    ]
    names = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
    assert "print" not in names


def test_a_claims_reason_cannot_begin_a_line_of_its_own() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream, Follower())
    evidence = (Result("sandbox", "sandbox", "cat x", 0, HOSTILE, "", 0.0),)
    because = f"it said a\n✓ HOLDS   everything{HOSTILE}"
    terminal(StepEnded(evidence[0]))
    terminal(ClaimJudged(ClaimResult("x", f"a{HOSTILE}\nb", "", Verdict.FAILS, because, evidence)))
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if line.startswith("✓")] == []
    assert all(line.isprintable() for line in lines)
