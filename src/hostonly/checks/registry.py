"""The check that the registry serves host and sandbox what was pushed; nothing is changed."""

from __future__ import annotations

from typing import Any

from hostonly.checks import tags_now
from hostonly.checks.both_sides import (
    Facts,
    Questions,
    by_name,
    judge_the_way,
    look_from_both,
)
from hostonly.claims.registry import (
    Pushed,
    blobs_served,
    catalog_same,
    manifests_served,
    pushed_served,
)
from hostonly.claims.sandbox import registry_answers
from hostonly.facts import (
    Fact,
    NotObserved,
    Observed,
    Question,
    Unreadable,
    question,
    select,
)
from hostonly.facts.http import HttpAnswer, http
from hostonly.facts.served import (
    MANIFEST,
    SECONDS,
    Served,
    blobs_in,
    served,
    tags_in,
)
from hostonly.image import record
from hostonly.image.flavour import FLAVOURS
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.stage.judge import Judge
from hostonly.vantages import Host

# Each command is a process, and all of a round run side by side.
AT_ONCE = 32
# Written once, when the sandbox was made: what was pushed before that was pushed to another.
BIRTH = "/etc/hostonly/sandbox.env"


def check(site: Site, claims: Judge) -> None:
    """Ask the registry from both sides, and hash every byte that it serves of the image."""
    host, machine = Host(), Machine(site, claims.emit)
    closed = judge_the_way(claims, host, machine)
    registries = {
        "host": f"http://{machine.address}:{site.registry_port}/v2/",
        "sandbox": f"http://localhost:{site.registry_port}/v2/",
    }
    repository = site.image.name
    noted = noted_pushes(site)
    pushes = tuple(noted)
    with machine.vantage() as sandbox:

        def ask(outside: Questions, inside: Questions) -> dict[str, Facts]:
            seen: tuple[Facts, Facts] = {}, {}
            for first in range(0, max(len(outside), len(inside)), AT_ONCE):
                some = (
                    dict(list(looks.items())[first : first + AT_ONCE])
                    for looks in (outside, inside)
                )
                there = look_from_both(
                    host, next(some), sandbox, next(some), closed, timeout=SECONDS + 5
                )
                for all_, each in zip(seen, there, strict=True):
                    all_.update(each)
            return dict(zip(registries, seen, strict=True))

        first = ask(
            {
                **_first(registries["host"], repository),
                **{
                    each.manifest: _manifest(registries["host"], repository, each.manifest)
                    for each in pushes
                },
            },
            {**_first(registries["sandbox"], repository), "made": _made()},
        )
        tags = {place: select(seen["tags"], tags_of) for place, seen in first.items()}
        second = ask(*(_second(registries[place], repository, tags[place]) for place in registries))
        answers = {place: by_name(tags[place], second[place], "told {}") for place in registries}
        blobs = {place: select(answers[place], _blobs) for place in registries}
        moved = tags_now.moved(pushes, tags["host"], second["host"])
        outside, inside = (
            _third(registries[place], repository, blobs[place]) for place in registries
        )
        third = ask({**outside, **tags_now.looks(registries["host"], repository, moved)}, inside)
    for place, url in registries.items():
        claims.judge(registry_answers, {"place": place, "url": url}, answer=first[place]["version"])
    claims.judge(catalog_same, {}, **{place: seen["catalog"] for place, seen in first.items()})
    now = {
        push.tag: tags_now.named(push.tag, tags["host"], second["host"], moved, third["host"])
        for push in pushes
    }
    judge_pushed(claims, repository, noted, first, now)
    for place in registries:
        about: dict[str, object] = {"place": place, "repository": repository}
        nothing = nothing_served(tags[place], repository)
        claims.judge(
            manifests_served,
            about,
            answers=nothing or answers[place],
            by_tag=nothing or by_name(tags[place], second[place], "served {}"),
        )
        claims.judge(
            blobs_served, about, blobs=nothing or by_name(blobs[place], third[place], "{}")
        )


def noted_pushes(site: Site) -> dict[record.PushRecord, float]:
    """Return each flavour's last push to the settings' repository, and its time (s since 1970)."""
    found = {}
    for flavour in FLAVOURS:
        file = record.pushed_record(site.state, flavour)
        pushed = record.load_pushed(file)
        if pushed is not None and pushed.repository == site.image.name:
            found[pushed] = file.stat().st_mtime
    return found


def judge_pushed(
    claims: Judge,
    repository: str,
    noted: dict[record.PushRecord, float],
    first: dict[str, Facts],
    now: Facts,
) -> None:
    """Judge the claim that what was pushed to this sandbox is what its tags name ``now``.

    Nothing is claimed where no push to this sandbox is recorded."""
    made: Fact[float] = first["sandbox"]["made"]
    ours = [
        each for each, time in noted.items() if isinstance(made, NotObserved) or time >= made.value
    ]
    if ours:
        manifests: Fact[tuple[str, ...]] = Observed(tuple(each.manifest for each in ours), ())
        tags: Fact[tuple[str, ...]] = Observed(tuple(each.tag for each in ours), ())
        claims.judge(
            pushed_served,
            {
                "repository": repository,
                "pushed": tuple(
                    Pushed(each.tag, each.manifest, each.config, tags_now.again(each))
                    for each in ours
                ),
            },
            now=by_name(tags, now, "{}"),
            served=by_name(manifests, first["host"], "{}"),
        )


def _first(registry: str, repository: str) -> Questions:
    return {
        "version": http(registry),
        "catalog": http(f"{registry}_catalog?n=1000"),
        "tags": http(f"{registry}{repository}/tags/list"),
    }


def _made() -> Question[float]:
    """Return the question when the sandbox was made, in seconds since 1970."""

    def read(output: str) -> float:
        try:
            return float(output)
        except ValueError as error:
            raise Unreadable(f"no time: {output!r}") from error

    return question(["stat", "-c", "%Y", BIRTH], read)


def _manifest(registry: str, repository: str, version: str) -> Question[Served]:
    return served(f"{registry}{repository}/manifests/{version}", accept=MANIFEST)


def _second(registry: str, repository: str, tags: Fact[tuple[str, ...]]) -> Questions:
    looks: dict[str, Question[Any]] = {}
    for tag in tags.value_or(()):
        url = f"{registry}{repository}/manifests/{tag}"
        looks[f"told {tag}"] = http(url, accept=MANIFEST)
        looks[f"served {tag}"] = _manifest(registry, repository, tag)
    return looks


def _third(registry: str, repository: str, blobs: Fact[tuple[str, ...]]) -> Questions:
    return {name: served(f"{registry}{repository}/blobs/{name}") for name in blobs.value_or(())}


def tags_of(answer: HttpAnswer) -> tuple[str, ...]:
    """Return the tags in an ``answer`` to the question for a repository's tags."""
    # A registry without the repository says 404, NAME_UNKNOWN.
    if answer.status == 404:
        return ()
    if answer.status != 200:
        raise Unreadable(f"the list of tags: {answer}")
    return tags_in(answer.body)


def _blobs(answers: dict[str, HttpAnswer]) -> tuple[str, ...]:
    named = (blobs_in(answer.body) for answer in answers.values())
    return tuple(dict.fromkeys(digest for each in named for digest in each))


def nothing_served(tags: Fact[tuple[str, ...]], repository: str) -> NotObserved | None:
    """Return why there is nothing to fetch; None where there is something.

    It makes the claims UNKNOWN: that nothing is served wrongly then is no pass."""
    if isinstance(tags, NotObserved) or tags.value:
        return None
    return NotObserved(f"nothing is there as {repository}: ./inv image.push", tags.evidence)
