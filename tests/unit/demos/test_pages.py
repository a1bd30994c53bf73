"""Every demo has a page that shows what the demo's file runs and claims, and a recorded run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.claims import Verdict
from hostonly.demos import DEMOS, load
from hostonly.results.judged import DemoResult
from hostonly.site import Site
from hostonly.stage.demo import perform
from tests import pages, recorded


@pytest.fixture
def result(name: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> DemoResult:
    """The demo's file run on its recording."""
    monkeypatch.setattr("hostonly.stage.wait.POLL_SECONDS", 0.0)
    testbed, unplayed = recorded.playing(name, site, monkeypatch)
    result = perform(load(name), testbed, lambda event: None)
    assert unplayed() == []
    return result


@pytest.mark.parametrize("name", list(DEMOS))
def test_the_recorded_run_holds(result: DemoResult) -> None:
    wrong = [
        claim for claim in result.claims if claim.verdict not in (Verdict.HOLDS, Verdict.SKIPPED)
    ]
    assert not wrong


@pytest.mark.parametrize("name", list(DEMOS))
def test_no_two_claims_of_a_run_have_the_same_id(result: DemoResult) -> None:
    """A reader of the document tells claims apart by it."""
    ids = [claim.id for claim in result.claims]
    assert [id for id in dict.fromkeys(ids) if ids.count(id) > 1] == []


@pytest.mark.parametrize("name", list(DEMOS))
def test_the_page_shows_the_commands_that_run(name: str, result: DemoResult) -> None:
    ran = list(dict.fromkeys((step.prompt, step.command) for step in result.steps))
    assert pages.same_names(pages.commands(pages.page(name))) == pages.same_names(ran)


@pytest.mark.parametrize("name", list(DEMOS))
def test_the_page_shows_the_claims_that_are_judged(name: str, result: DemoResult) -> None:
    judged = list(dict.fromkeys((claim.id, claim.sentence) for claim in result.claims))
    assert pages.same_names(pages.claims(pages.page(name))) == pages.same_names(judged)


def test_every_page_and_recording_has_its_demo() -> None:
    named = {f"demo-{name}.md" for name in DEMOS}
    assert {file.name for file in pages.DOCS.glob("demo-*.md")} == named
    recordings: set[Path] = set(recorded.RECORDINGS.iterdir())
    assert {file.stem for file in recordings} == set(DEMOS)
