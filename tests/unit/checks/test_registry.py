"""check.registry: which pushes were to this sandbox, and what is asked of a registry without any."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostonly.checks import tags_now
from hostonly.checks.both_sides import Facts
from hostonly.checks.registry import judge_pushed, noted_pushes, nothing_served, tags_of
from hostonly.claims import Verdict
from hostonly.facts import Fact, NotObserved, Observed, Unreadable
from hostonly.facts.http import HttpAnswer
from hostonly.facts.served import Named, Served
from hostonly.image import record
from hostonly.image.record import Built, PushRecord
from hostonly.site import Site
from hostonly.stage.judge import Judge
from tests.unit.sites import at

DIGEST, OTHER, CONFIG, FOREIGN = (f"sha256:{letter * 64}" for letter in "abcd")
PUSHED = PushRecord("hello-socket", "java", DIGEST, CONFIG, "sandbox")
GONE = Served(None, "(22) The requested URL returned error: 404")
URL = "http://172.16.0.2:5000/v2/"


def judged(
    made: Fact[float], served: Served, noted: dict[PushRecord, float]
) -> list[tuple[Verdict, str]]:
    claims = Judge(lambda event: None)
    host: dict[str, Any] = {DIGEST: Observed(served, ())}
    now: dict[str, Any] = {"latest": Observed(Named(served, served.digest), ())}
    judge_pushed(claims, "hello-socket", noted, {"host": host, "sandbox": {"made": made}}, now)
    return [(each.verdict, each.because) for each in claims.claims]


def test_what_was_pushed_to_this_sandbox_must_be_there() -> None:
    ((verdict, because),) = judged(Observed(999.0, ()), GONE, {PUSHED: 1000.0})
    assert verdict is Verdict.FAILS
    assert because.endswith("is no longer served: ./inv image.push")
    ((verdict, _),) = judged(Observed(999.0, ()), Served(DIGEST), {PUSHED: 1000.0})
    assert verdict is Verdict.HOLDS


def test_what_was_pushed_to_another_or_never_is_not_missed() -> None:
    assert judged(Observed(1001.0, ()), GONE, {PUSHED: 1000.0}) == []
    assert judged(Observed(999.0, ()), GONE, {}) == []


def test_when_the_sandbox_was_made_is_not_known() -> None:
    ((verdict, _),) = judged(NotObserved("stat exited with 1"), GONE, {PUSHED: 1000.0})
    assert verdict is Verdict.FAILS


def manifest(config: str) -> str:
    return json.dumps({"config": {"digest": config}, "layers": []})


IMAGE = {"created": "2024-01-01T00:00:00Z", "config": {"Entrypoint": ["sh", "-c", "true"]}}
LIST = json.dumps({"manifests": [{"digest": OTHER}, {"digest": DIGEST}]})


def named(tag_gives: HttpAnswer, served: Served, **more: Fact[HttpAnswer]) -> Fact[Named]:
    """What `latest` names, of which the registry gives this; `more` is what it gives by digests."""
    tags: Fact[tuple[str, ...]] = Observed(("latest",), ())
    seen: Facts = {"told latest": Observed(tag_gives, ()), "served latest": Observed(served, ())}
    moved = tags_now.moved([PUSHED], tags, seen)
    asked = tags_now.looks(URL, "hello-socket", moved)
    assert set(asked) == {f"named sha256:{letter * 64}" for letter in more}
    told = {f"named sha256:{letter * 64}": fact for letter, fact in more.items()}
    return tags_now.named("latest", tags, seen, moved, told)


def gives(body: str, digest: str) -> HttpAnswer:
    return HttpAnswer(200, (("docker-content-digest", digest),), body)


def answer(body: str, status: int = 200) -> Fact[HttpAnswer]:
    return Observed(HttpAnswer(status, (), body), ())


def test_a_tag_that_names_what_was_pushed_costs_no_question() -> None:
    found = named(gives(manifest(CONFIG), DIGEST), Served(DIGEST))
    assert isinstance(found, Observed) and found.value == Named(Served(DIGEST), DIGEST)


def test_another_image_is_told_by_its_configuration() -> None:
    found = named(gives(manifest(FOREIGN), OTHER), Served(OTHER), d=answer(json.dumps(IMAGE)))
    assert isinstance(found, Observed)
    assert (found.value.told, found.value.configs) == (OTHER, (FOREIGN,))
    assert "2024-01-01" in found.value.said and "sh -c true" in found.value.said


@pytest.mark.parametrize("config", [answer("no", 404), answer("no JSON"), answer('{"config": 7}')])
def test_a_configuration_that_says_nothing_is_another_image_all_the_same(
    config: Fact[HttpAnswer],
) -> None:
    found = named(gives(manifest(FOREIGN), OTHER), Served(OTHER), d=config)
    assert isinstance(found, Observed) and found.value.configs == (FOREIGN,)


def test_a_list_names_the_images_in_it() -> None:
    more = {"b": answer(manifest(FOREIGN)), "a": answer(manifest(CONFIG))}
    found = named(gives(LIST, FOREIGN), Served(FOREIGN), **more)
    assert isinstance(found, Observed)
    assert set(found.value.configs) == {FOREIGN, CONFIG} and "list of 2" in found.value.said
    # One that is not there cannot be pulled.
    more["a"] = answer("no", 404)
    found = named(gives(LIST, FOREIGN), Served(FOREIGN), **more)
    assert isinstance(found, Observed) and found.value.configs == (FOREIGN,)


@pytest.mark.parametrize("body", ["", "{}", '{"manifests": [7]}', '{"schemaVersion": 1}'])
def test_what_is_no_image_is_no_image_of_ours(body: str) -> None:
    found = named(gives(body, OTHER), Served(OTHER))
    assert isinstance(found, Observed) and found.value.configs == ()


def test_what_was_not_seen_is_not_known() -> None:
    late: Fact[HttpAnswer] = Observed(HttpAnswer(None, because="(28) no answer in time"), ())
    for config in (NotObserved("curl exited with 127"), late):
        assert isinstance(
            named(gives(manifest(FOREIGN), OTHER), Served(OTHER), d=config), NotObserved
        )
    unseen = NotObserved("no list")
    assert tags_now.named("latest", unseen, {}, {}, {}) is unseen


def test_a_tag_that_is_not_listed_is_gone() -> None:
    found = tags_now.named("latest", Observed(("python",), ()), {}, {}, {})
    assert isinstance(found, Observed) and "gone" in str(found.value.served)


@pytest.mark.parametrize(
    ("flavour", "place", "command"),
    [
        ("java", "sandbox", "./inv image.push"),
        ("python", "sandbox", "./inv image.push --flavour python"),
        ("java", "host", "./inv image.push --from host"),
    ],
)
def test_what_pushes_it_again(flavour: str, place: str, command: str) -> None:
    assert tags_now.again(replace(PUSHED, flavour=flavour, place=place)) == command


@pytest.mark.parametrize(
    ("answer", "tags"),
    [
        (HttpAnswer(200, (), '{"name": "x", "tags": ["latest"]}'), ("latest",)),
        (HttpAnswer(404, (), '{"errors": []}'), ()),
        (HttpAnswer(200, (), '{"name": "x", "tags": null}'), ()),
    ],
)
def test_the_tags_that_are_told(answer: HttpAnswer, tags: tuple[str, ...]) -> None:
    assert tags_of(answer) == tags
    nothing = nothing_served(Observed(tags, ()), "x")
    assert (nothing is None) == bool(tags)
    assert nothing is None or "./inv image.push" in nothing.because


@pytest.mark.parametrize("answer", [HttpAnswer(None, because="(7)"), HttpAnswer(500, (), "no")])
def test_no_list_of_tags_is_no_empty_one(answer: HttpAnswer) -> None:
    with pytest.raises(Unreadable):
        tags_of(answer)


def test_a_push_is_noted_by_flavour_and_for_the_settings_repository(
    site: Site, tmp_path: Path
) -> None:
    site = at(site, tmp_path)
    assert noted_pushes(site) == {}
    record.save_pushed(site, replace(PUSHED, manifest=OTHER))
    # From another engine to the same tag: it is the last one that counts.
    record.save_pushed(site, replace(PUSHED, place="host"))
    record.save_pushed(site, replace(PUSHED, flavour="python", repository="another"))
    # A build after it is no push.
    record.save(site, Built("in", "id", "c", "host", "java"))
    (pushed,) = noted_pushes(site)
    assert (pushed.tag, pushed.manifest, pushed.place) == ("latest", DIGEST, "host")
    record.pushed_record(site.state, "java").write_text('{"manifest": 7')
    assert noted_pushes(site) == {}
