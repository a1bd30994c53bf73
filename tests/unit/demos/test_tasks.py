"""The tasks demo.…: several demos as one document, whatever became of one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from invoke import Context, Exit

from hostonly.claims import ClaimResult, Verdict
from hostonly.cli.configuration import ProjectConfig
from hostonly.demos import DEMOS
from hostonly.errors import HostonlyError
from hostonly.events import Event
from hostonly.results.judged import DemoResult
from hostonly.results.transcript import DemoStarted
from hostonly.site import ROOT
from hostonly.stage.demo import Demo, perform_all
from hostonly.stage.stage import Stage
from hostonly.stage.testbed import Testbed
from hostonly.tasks.demo import all_, perform
from tests.unit.stage.played import holds


def all_performed(
    testbed: Testbed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verdicts: dict[str, Verdict],
) -> tuple[int, dict[str, Any]]:
    """The exit code and the document of demo.all, where each demo comes to one of ``verdicts``, else
    HOLDS."""
    asked: list[bool] = []

    @contextmanager
    def ready(*_: object, second: bool) -> Iterator[Testbed]:
        asked.append(second)
        yield testbed

    def held(demo: Demo, *_: object, keep: bool) -> DemoResult:
        verdict = verdicts.get(demo.name, Verdict.HOLDS)
        claim = ClaimResult("some.thing", "Something.", "nowhere", verdict, "so")
        return DemoResult(demo.name, demo.summary, testbed.about, (), (claim,), 0.5)

    monkeypatch.setattr("hostonly.stage.demo.ready", ready)
    monkeypatch.setattr("hostonly.stage.demo.perform", held)
    config = ProjectConfig(project_location=ROOT)
    config.load_project()
    code = 0
    try:
        all_.body(Context(config), json=True)
    except Exit as error:
        code = int(error.code)
    assert asked == [True]
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


@pytest.mark.parametrize(
    ("verdicts", "code", "whole"),
    [
        ({}, 0, "HOLDS"),
        ({"ipvlan": Verdict.SKIPPED}, 0, "HOLDS"),
        ({"bridge": Verdict.UNKNOWN}, 3, "UNKNOWN"),
        ({"bridge": Verdict.FAILS, "host": Verdict.UNKNOWN}, 1, "FAILS"),
    ],
)
def test_all_are_run_in_their_order_in_one_document(
    testbed: Testbed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verdicts: dict[str, Verdict],
    code: int,
    whole: str,
) -> None:
    ended, document = all_performed(testbed, monkeypatch, capsys, verdicts)
    assert (ended, document["kind"], document["verdict"]) == (code, "demos", whole)
    assert [each["name"] for each in document["demos"]] == list(DEMOS)
    assert {each["name"]: each["verdict"] for each in document["demos"]} == {
        name: verdicts.get(name, Verdict.HOLDS).value for name in DEMOS
    }


@pytest.mark.parametrize("trouble", [HostonlyError("no room on the disk"), KeyboardInterrupt()])
def test_what_could_not_be_run_has_a_result_that_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trouble: BaseException
) -> None:
    """In the document of one demo and of all; then the trouble is raised."""

    def ready(*_: object, second: bool) -> None:
        raise trouble

    monkeypatch.setattr("hostonly.stage.demo.ready", ready)
    config = ProjectConfig(project_location=ROOT)
    config.load_project()
    for names, many in ((("host",), False), (tuple(DEMOS), True)):
        with pytest.raises(type(trouble)) as raised:
            perform(Context(config), names, keep=False, json=True, many=many)
        assert raised.value is trouble
        document = json.loads(capsys.readouterr().out)
        assert document["verdict"] == "UNKNOWN"
        each = document["demos"] if many else [document]
        why = str(trouble) or "interrupted"
        assert [(one["name"], one["claims"][0]["because"]) for one in each] == [
            (name, why) for name in names
        ]


def test_an_interrupt_ends_those_behind_it_too(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def ready(*_: object, second: bool) -> Iterator[Testbed]:
        yield testbed

    def run(stage: Stage) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hostonly.stage.demo.ready", ready)
    monkeypatch.setattr("hostonly.stage.demo.SETTLE_SECONDS", 0.0)
    events: list[Event] = []
    demos = [Demo("one", "first", holds), Demo("two", "second", run), Demo("three", "third", holds)]
    ran = perform_all(demos, testbed.site, events.append, "demo.all")
    assert isinstance(ran.trouble, KeyboardInterrupt)
    assert [demo.verdict.value for demo in ran.demos] == ["HOLDS", "UNKNOWN", "UNKNOWN"]
    started = [event.name for event in events if isinstance(event, DemoStarted)]
    assert started == ["one", "two"]
