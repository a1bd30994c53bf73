"""The matrix as a table and as a document."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from hostonly.checks.matrix.expectations import expected_of
from hostonly.claims import ClaimResult, Verdict
from hostonly.claims.cells import Aim
from hostonly.report.document import dumps
from hostonly.report.json import matrix_document
from hostonly.report.matrix import WIDTH, table
from hostonly.report.progress import Follower
from hostonly.report.terminal import Terminal
from hostonly.results.judged import Cell, MatrixResult
from hostonly.vantages import Result

LONG = "".join(f"line {number}\n" for number in range(100))
EVIDENCE = (
    Result("host", "host", "nc -nv -w 2 172.16.0.2 8082", 0, f"Hello\x1b[2J\n{LONG}", "", 0.1),
)


def judged(verdict: Verdict, because: str = "so") -> ClaimResult:
    return ClaimResult("cell.x", "From host, x: ANSWERS.", "table", verdict, because, EVIDENCE)


def matrix(observed: str | None = None, verdict: Verdict = Verdict.HOLDS) -> MatrixResult:
    """Every cell that is expected of an engine, the last but one as told."""
    cells = [
        Cell(
            Aim(
                *(
                    each.mode,
                    each.target,
                    each.vantage,
                    each.vantage,
                    each.mode,
                    "172.17.0.2",
                    8081,
                ),
                *(each.outcome, each.reason.text),
            ),
            each.outcome.value,
            judged(Verdict.HOLDS),
        )
        for each in expected_of((20, 10, 24))
    ]
    if observed is not None or verdict is not Verdict.HOLDS:
        cells[-2] = Cell(cells[-2].aim, observed, judged(verdict, "it is another"))
    options = (("bridge", ""), ("on loopback", "-p 127.0.0.1:65535:65535"))
    return MatrixResult("20.10.24+dfsg1", tuple(cells), options, (), 12.34)


def text(result: MatrixResult) -> list[str]:
    return [line.plain for line in table(result)]


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("observed", ["NO ROUTE", "ANSWERS (another)", None])
def test_it_fits(observed: str | None, verdict: Verdict) -> None:
    lines = text(matrix(observed, verdict))
    assert max(map(len, lines)) <= WIDTH


def test_every_mode_and_every_reason_is_there() -> None:
    result = matrix()
    lines = "\n".join(text(result))
    for cell in result.cells:
        assert cell.aim.mode in lines
        assert cell.aim.reason in lines
    assert "-p 127.0.0.1:65535:65535" in lines
    assert "✗" not in lines


@pytest.mark.parametrize(
    ("observed", "verdict", "shown"),
    [
        ("TIMEOUT", Verdict.FAILS, "✗TIMEOUT"),
        # Whole, with the number of its note behind it.
        ("NO ROUTE", Verdict.FAILS, "✗NO ROUTE 7"),
        ("ANSWERS (another)", Verdict.FAILS, "✗another"),
        (None, Verdict.UNKNOWN, "? "),
        ("REFUSED", Verdict.UNKNOWN, "?REFUSED"),
        (None, Verdict.SKIPPED, "- "),
    ],
)
def test_a_cell_that_does_not_hold_is_seen(
    observed: str | None, verdict: Verdict, shown: str
) -> None:
    assert shown in "\n".join(text(matrix(observed, verdict)))


def test_what_was_expected_is_in_the_note() -> None:
    result = matrix("ANSWERS (another)", Verdict.FAILS)
    missed = result.cells[-2]
    (note,) = (line for line in text(result) if "(expected" in line)
    assert note.endswith(f"{missed.aim.reason} (expected {missed.aim.expected})")
    # Where there is no room for both, it is the next line.
    long = "why " * 23
    other = replace(missed, aim=replace(missed.aim, reason=long))
    cells = tuple(other if cell is missed else cell for cell in result.cells)
    lines = text(replace(result, cells=cells))
    (note,) = (line for line in lines if "(expected" in line)
    assert note.strip() == f"(expected {missed.aim.expected})"
    assert long in lines[lines.index(note) - 1]
    assert max(map(len, lines)) <= WIDTH


def test_the_evidence_of_what_fails_is_under_the_table() -> None:
    stream = io.StringIO()
    follower = Follower(Console(file=io.StringIO()))
    Terminal(stream, follower).end(matrix("TIMEOUT", Verdict.FAILS))
    said = stream.getvalue()
    assert "it is another" in said
    # The command, and what it printed: a line of it and the beginning of the long one.
    assert "host$ nc -nv -w 2 172.16.0.2 8082\n              Hello" in said
    assert "line 4\n              … 95 more lines" in said
    assert "✗ FAILS  check.matrix:" in said
    assert "\x1b" not in said


def test_the_document() -> None:
    document = json.loads(dumps(matrix_document(matrix("TIMEOUT", Verdict.FAILS))))
    assert (document["schema"], document["kind"]) == ("hostonly/1", "matrix")
    assert (document["verdict"], document["seconds"]) == ("FAILS", 12.34)
    cell = document["cells"][-2]
    assert set(cell) == {
        *("mode", "vantage", "target", "expected", "observed"),
        *("verdict", "because", "evidence"),
    }
    assert (cell["observed"], cell["because"]) == ("TIMEOUT", "it is another")
    assert cell["evidence"][0]["command"] == "nc -nv -w 2 172.16.0.2 8082"


def test_nothing_measured_is_no_pass() -> None:
    nothing = MatrixResult("", (), (), (), 0.1)
    assert nothing.verdict is Verdict.UNKNOWN
    trouble = MatrixResult("", matrix().cells, (), (judged(Verdict.UNKNOWN),), 0.1)
    assert trouble.verdict is Verdict.UNKNOWN
