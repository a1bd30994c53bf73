"""check.registry: which pushes were to this sandbox, and what is asked of a registry without any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostonly.checks.registry import _judge_pushed, _nothing, _tags
from hostonly.checks.sides import Judged
from hostonly.claims import Verdict
from hostonly.facts import Fact, NotObserved, Observed, Unreadable
from hostonly.facts.http import Answer
from hostonly.facts.served import Served
from hostonly.image import state
from hostonly.image.state import Built, Pushed
from hostonly.settings import Settings

DIGEST = "sha256:" + "a" * 64
PUSHED = Pushed("latest", DIGEST, 1000.0)
GONE = Served(None, "(22) The requested URL returned error: 404")


def judged(made: Fact[float], served: Served, *pushes: Pushed) -> list[tuple[Verdict, str]]:
    claims = Judged(lambda event: None)
    host: dict[str, Any] = {DIGEST: Observed(served, ())}
    _judge_pushed(claims, "hello-socket", pushes, {"host": host, "sandbox": {"made": made}})
    return [(each.verdict, each.because) for each in claims.results]


def test_what_was_pushed_to_this_sandbox_must_be_there() -> None:
    ((verdict, because),) = judged(Observed(999.0, ()), GONE, PUSHED)
    assert verdict is Verdict.FAILS
    assert because.endswith("is no longer served: ./inv image.push")
    ((verdict, _),) = judged(Observed(999.0, ()), Served(DIGEST), PUSHED)
    assert verdict is Verdict.HOLDS


def test_what_was_pushed_to_another_or_never_is_not_missed() -> None:
    assert judged(Observed(1001.0, ()), GONE, PUSHED) == []
    assert judged(Observed(999.0, ()), GONE) == []


def test_when_the_sandbox_was_made_is_not_known() -> None:
    ((verdict, _),) = judged(NotObserved("stat exited with 1"), GONE, PUSHED)
    assert verdict is Verdict.FAILS


@pytest.mark.parametrize(
    ("answer", "tags"),
    [
        (Answer(200, (), '{"name": "x", "tags": ["latest"]}'), ("latest",)),
        (Answer(404, (), '{"errors": []}'), ()),
        (Answer(200, (), '{"name": "x", "tags": null}'), ()),
    ],
)
def test_the_tags_that_are_told(answer: Answer, tags: tuple[str, ...]) -> None:
    assert _tags(answer) == tags
    nothing = _nothing(Observed(tags, ()), "x")
    assert (nothing is None) == bool(tags)
    assert nothing is None or "./inv image.push" in nothing.because


@pytest.mark.parametrize("answer", [Answer(None, because="(7)"), Answer(500, (), "no")])
def test_no_list_of_tags_is_no_empty_one(answer: Answer) -> None:
    with pytest.raises(Unreadable):
        _tags(answer)


def test_pushes_are_those_to_the_settings_repository(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"root": tmp_path})

    def record(flavour: str, place: str, manifest: str | None, repository: str | None) -> None:
        state.save(settings, Built("in", "id", "c", place, flavour, manifest, repository))

    assert state.pushes(settings) == ()
    record("java", "sandbox", DIGEST, settings.image.name)
    record("python", "host", DIGEST, settings.image.name)
    record("python", "sandbox", None, None)
    record("java", "host", DIGEST, "another")
    assert [(each.tag, each.manifest) for each in state.pushes(settings)] == [
        ("latest", DIGEST),
        ("python", DIGEST),
    ]
