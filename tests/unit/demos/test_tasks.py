"""The tasks demo.…: several demos as one document, whatever became of one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from invoke import Context, Exit

from hostonly.claims import ClaimResult, Verdict
from hostonly.demos import DEMOS
from hostonly.demos.demo import Demo
from hostonly.demos.testbed import Testbed
from hostonly.program.configuration import ProjectConfig
from hostonly.report.model import DemoResult
from hostonly.site import ROOT
from hostonly.tasks.demo import all_


def perform_all(
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

    def perform(demo: Demo, *_: object, keep: bool) -> DemoResult:
        verdict = verdicts.get(demo.name, Verdict.HOLDS)
        claim = ClaimResult("some.thing", "Something.", "nowhere", verdict, "so")
        return DemoResult(demo.name, demo.summary, testbed.about, (), (claim,), 0.5)

    monkeypatch.setattr("hostonly.demos.testbed.ready", ready)
    monkeypatch.setattr("hostonly.demos.demo.perform", perform)
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
    ended, document = perform_all(testbed, monkeypatch, capsys, verdicts)
    assert (ended, document["kind"], document["verdict"]) == (code, "demos", whole)
    assert [each["name"] for each in document["demos"]] == list(DEMOS)
    assert {each["name"]: each["verdict"] for each in document["demos"]} == {
        name: verdicts.get(name, Verdict.HOLDS).value for name in DEMOS
    }
