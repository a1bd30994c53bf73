"""The transcript and the JSON document, from the same results."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from hostonly.claims import ClaimResult, Verdict, worst
from hostonly.events import Event, Warned
from hostonly.report.document import dumps
from hostonly.report.json import document
from hostonly.report.progress import Follower
from hostonly.report.terminal import Terminal, shortened, tally
from hostonly.results.judged import EXIT_CODES, CheckResult, DemoResult, DemosResult, SandboxAbout
from hostonly.results.transcript import ClaimJudged, DemoEnded, DemoStarted, StepEnded, StepStarted
from hostonly.vantages import Result

LONG = "".join(f"line {number}\n" for number in range(100))
STEP = Result("sandbox", "sandbox", "docker exec hello ip addr", 0, LONG, "", 0.0314159)
EVIL = Result(
    "container hello",
    "sandbox",
    "docker logs hello",
    0,
    "[bold]x[/] \x1b[2J\u202e[/nope]\n",
    "",
    0.1,
)
HELD = ClaimResult("a.b", "It is so.", "the book", Verdict.HOLDS, "it was seen", (STEP, STEP))
FAILED = replace(HELD, verdict=Verdict.FAILS, because="a [rule] said no")
ABOUT = SandboxAbout("hostonly", "lxc", "172.16.0.2", "20.10.24")
DEMO = DemoResult("host", "a demo", ABOUT, (STEP, EVIL), (HELD, FAILED), 1.23456)


def printed(*events: Event) -> str:
    stream = io.StringIO()
    terminal = Terminal(stream, Follower(Console(file=stream)))
    for event in events:
        terminal(event)
    return stream.getvalue()


def test_a_transcript_reads_like_a_terminal() -> None:
    text = printed(StepStarted("sandbox", STEP.command), StepEnded(STEP), ClaimJudged(HELD))
    lines = text.splitlines()
    assert lines[0] == "sandbox$ docker exec hello ip addr"
    assert lines[1] == "    line 0"
    assert "    … 76 more lines" in lines
    assert "✓ HOLDS   It is so." in lines
    assert "          it was seen" in lines
    assert "          sandbox$ docker exec hello ip addr  (×2)" in lines


def test_output_drives_no_terminal_and_is_no_markup() -> None:
    text = printed(StepEnded(EVIL), ClaimJudged(FAILED))
    assert r"[bold]x[/] \x1b[2J\u202e[/nope]" in text
    assert "\x1b" not in text and "\u202e" not in text
    assert "a [rule] said no" in text


def test_a_failed_command_says_its_status() -> None:
    assert "exit 7" in printed(StepEnded(replace(STEP, exit=7)))
    assert "exit" not in printed(StepEnded(STEP))


def test_other_events_go_to_the_follower() -> None:
    assert "! careful" in printed(Warned("careful"))


def test_lines_are_not_broken() -> None:
    command = "docker run " + "x" * 300
    assert f"sandbox$ {command}\n" in printed(StepStarted("sandbox", command))


def test_the_end_counts_the_claims_and_says_how_to_remove_what_was_kept() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream, Follower(Console(file=stream)))
    terminal(DemoEnded(replace(DEMO, kept=("./inv sandbox.exec -- docker rm hello",))))
    terminal.end(DemosResult((DEMO,), 2.0))
    terminal.end(CheckResult("registry", (HELD,), 0.5))
    text = stream.getvalue()
    assert "✗ FAILS  demo.host: 2 claims: 1 HOLDS, 1 FAILS, 1.2 s" in text
    assert "    ./inv sandbox.exec -- docker rm hello\n" in text
    assert "1 demos, 2.0 s" in text
    assert "✓ HOLDS  check.registry: 1 claim: 1 HOLDS, 0.5 s" in text


def test_a_demo_begins_with_its_sentence() -> None:
    assert printed(DemoStarted("host", "a demo")) == "demo.host  a demo\n"


def test_short_output_is_not_shortened_by_one_line() -> None:
    assert shortened("a\nb\nc\n", 2) == "a\nb\nc"
    assert shortened("a\nb\nc\nd\n", 2) == "a\nb\n… 2 more lines"
    assert tally(()) == "0 claims judged"


def test_the_document_is_exactly_this() -> None:
    said = json.loads(dumps(document(DEMO)))
    assert said == {
        "schema": "hostonly/1",
        "kind": "demo",
        "name": "host",
        "verdict": "FAILS",
        "sandbox": {
            "name": "hostonly",
            "provider": "lxc",
            "address": "172.16.0.2",
            "engine": "20.10.24",
        },
        "steps": [
            {
                "vantage": "sandbox",
                "command": "docker exec hello ip addr",
                "exit": 0,
                "output": LONG,
                "seconds": 0.031,
            },
            {
                "vantage": "container hello",
                "command": "docker logs hello",
                "exit": 0,
                "output": EVIL.stdout,
                "seconds": 0.1,
            },
        ],
        "claims": [
            {
                "id": "a.b",
                "sentence": "It is so.",
                "source": "the book",
                "verdict": verdict,
                "because": because,
                "evidence": [
                    {"vantage": "sandbox", "command": STEP.command, "output": LONG},
                    {"vantage": "sandbox", "command": STEP.command, "output": LONG},
                ],
            }
            for verdict, because in (("HOLDS", "it was seen"), ("FAILS", "a [rule] said no"))
        ],
        "seconds": 1.235,
    }


def test_the_document_is_safe_to_print() -> None:
    assert dumps(document(DEMO)).isascii() and "\n" not in dumps(document(DEMO))
    assert "\x1b" not in dumps(document(DEMO))


def test_documents_of_several_and_of_checks() -> None:
    several = document(DemosResult((DEMO, replace(DEMO, claims=(HELD,))), 3.0))
    assert list(several) == ["schema", "kind", "verdict", "demos", "seconds"]
    assert (several["kind"], several["verdict"], len(several["demos"])) == ("demos", "FAILS", 2)
    check = document(CheckResult("registry", (), 0.1))
    assert list(check) == ["schema", "kind", "name", "verdict", "claims", "seconds"]
    assert check["verdict"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 3),
        ([Verdict.HOLDS, Verdict.SKIPPED], 0),
        ([Verdict.SKIPPED], 0),
        ([Verdict.HOLDS, Verdict.UNKNOWN], 3),
        ([Verdict.UNKNOWN, Verdict.FAILS], 1),
    ],
)
def test_exit_codes(verdicts: list[Verdict], code: int) -> None:
    assert EXIT_CODES[worst(verdicts)] == code
