"""A check that is interrupted, or cannot go on, still gives its one document, and it does not hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest
from invoke import Context, Exit

from hostonly.claims import ClaimResult, Verdict
from hostonly.cli import Interrupted
from hostonly.errors import HostonlyError, SettingsError, UsageError
from hostonly.report.progress import Follower
from hostonly.site import Site
from hostonly.stage.judge import Judge

# Invoke puts its own task behind the name of the module.
task = import_module("hostonly.tasks.check")
HELD = ClaimResult("a.b", "It is so.", "the book", Verdict.HOLDS, "it was seen")


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    @contextmanager
    def session(ctx: Context) -> Iterator[tuple[Site, Follower]]:
        with Follower() as follower:
            yield site, follower

    monkeypatch.setattr("hostonly.tasks.run.session", session)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (HostonlyError("the sandbox is gone", remedy="look"), "the sandbox is gone look"),
        (KeyboardInterrupt(), "interrupted"),
        (Interrupted("SIGTERM"), "interrupted by SIGTERM"),
    ],
)
def test_what_was_judged_and_why_no_more(
    error: BaseException, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(site: Site, claims: Judge) -> None:
        claims.add(HELD)
        raise error

    with pytest.raises(type(error)) as raised:
        task.perform(Context(), "some", check, json=True, namespace="hello")
    assert raised.value is error
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["kind"], document["name"], document["verdict"]) == ("check", "some", "UNKNOWN")
    assert [claim["verdict"] for claim in document["claims"]] == ["HOLDS", "UNKNOWN"]
    assert document["claims"][1]["because"] == why
    assert "UNKNOWN  hello.some: 2 claims" in err


@pytest.mark.parametrize("kind", [UsageError, SettingsError])
def test_wrong_usage_is_no_result(
    kind: type[UsageError], capsys: pytest.CaptureFixture[str]
) -> None:
    def check(site: Site, claims: Judge) -> None:
        raise kind("no such machine")

    with pytest.raises(kind):
        task.perform(Context(), "some", check, json=True)
    assert capsys.readouterr().out == ""


def test_one_that_ends_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    def check(site: Site, claims: Judge) -> None:
        claims.add(HELD)

    task.perform(Context(), "some", check, json=True)
    assert json.loads(capsys.readouterr().out)["verdict"] == "HOLDS"
    with pytest.raises(Exit) as left:
        task.perform(Context(), "some", lambda *_: None, json=True)
    assert left.value.code == 3


@pytest.mark.parametrize("error", [HostonlyError("no sandbox"), KeyboardInterrupt()])
def test_the_matrix_too(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where it came to nothing before anything was measured."""

    def ready(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hostonly.stage.demo.ready", ready)
    with pytest.raises((Exit, KeyboardInterrupt)):
        task.matrix(Context(), json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["verdict"], len(document["claims"])) == (
        "matrix",
        "UNKNOWN",
        1,
    )
