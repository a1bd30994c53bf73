"""Does the registry really serve what was pushed, to the host and to the sandbox? Nothing is changed."""

from __future__ import annotations

import time
from typing import Any

from hostonly.checks import tags_now
from hostonly.checks.sides import (
    Facts,
    Judged,
    Looks,
    by_name,
    look_from_both,
    value,
    why_not_look,
)
from hostonly.claims.registry import (
    Pushed,
    blobs_served,
    catalog_same,
    manifests_served,
    pushed_served,
)
from hostonly.claims.sandbox import registry_answers, route_host_only, sandbox_running
from hostonly.events import Emit
from hostonly.facts import Fact, NotObserved, Observed, Unreadable, select
from hostonly.facts.batch import Look, look
from hostonly.facts.http import Answer
from hostonly.facts.http import look as http_look
from hostonly.facts.routes import observe_routes, route_to
from hostonly.facts.served import (
    MANIFEST,
    SECONDS,
    blobs_in,
    served_look,
    tags_in,
)
from hostonly.image import state
from hostonly.image.flavour import FLAVOURS
from hostonly.report.model import CheckResult
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.vantages import Host

NAME = "registry"
# Each command is a process, and all of a round run side by side.
AT_ONCE = 32
# Written once, when the sandbox was made: what was pushed before that was pushed to another.
BIRTH = "/etc/hostonly/sandbox.env"


def check(site: Site, emit: Emit) -> CheckResult:
    """Ask the registry from both sides, and hash every byte that it serves of the image."""
    start = time.monotonic()
    claims = Judged(emit)
    host, machine = Host(), Machine(site, emit)
    running, way = machine.observe_state(), route_to(host, machine.address)
    claims.judge(sandbox_running, {"machine": machine.name}, state=running)
    claims.judge(
        route_host_only,
        {
            "address": machine.address,
            "bridge": site.bridge.name,
            "source": str(site.bridge.address.ip),
        },
        way=way,
        routes=observe_routes(host),
    )
    closed = why_not_look(running, way, site.bridge.name)
    registries = {
        "host": f"http://{machine.address}:{site.registry_port}/v2/",
        "sandbox": f"http://localhost:{site.registry_port}/v2/",
    }
    repository = site.image.name
    noted = _noted(site)
    pushes = tuple(noted)
    with machine.vantage() as sandbox:

        def ask(outside: Looks, inside: Looks) -> dict[str, Facts]:
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
        tags = {place: select(seen["tags"], _tags) for place, seen in first.items()}
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
    _judge_pushed(claims, repository, noted, first, now)
    for place in registries:
        about: dict[str, object] = {"place": place, "repository": repository}
        nothing = _nothing(tags[place], repository)
        claims.judge(
            manifests_served,
            about,
            answers=nothing or answers[place],
            by_tag=nothing or by_name(tags[place], second[place], "served {}"),
        )
        claims.judge(
            blobs_served, about, blobs=nothing or by_name(blobs[place], third[place], "{}")
        )
    return CheckResult(NAME, tuple(claims.results), time.monotonic() - start)


def _noted(site: Site) -> dict[state.Pushed, float]:
    """The last push of each flavour to the settings' repository, and when it was (seconds since 1970)."""
    found = {}
    for flavour in FLAVOURS:
        file = state.pushed_record(site.state, flavour)
        pushed = state.load_pushed(file)
        if pushed is not None and pushed.repository == site.image.name:
            found[pushed] = file.stat().st_mtime
    return found


def _judge_pushed(
    claims: Judged,
    repository: str,
    noted: dict[state.Pushed, float],
    first: dict[str, Facts],
    now: Facts,
) -> None:
    """Claim that what was pushed to this sandbox is what its tags name ``now``, where it is recorded that
    something was."""
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


def _first(registry: str, repository: str) -> Looks:
    return {
        "version": http_look(registry),
        "catalog": http_look(f"{registry}_catalog?n=1000"),
        "tags": http_look(f"{registry}{repository}/tags/list"),
    }


def _made() -> Look[float]:
    """When the sandbox was made, in seconds since 1970."""

    def read(output: str) -> float:
        try:
            return float(output)
        except ValueError as error:
            raise Unreadable(f"no time: {output!r}") from error

    return look(["stat", "-c", "%Y", BIRTH], read)


def _manifest(registry: str, repository: str, version: str) -> Look[Any]:
    return served_look(f"{registry}{repository}/manifests/{version}", accept=MANIFEST)


def _second(registry: str, repository: str, tags: Fact[tuple[str, ...]]) -> Looks:
    looks: dict[str, Look[Any]] = {}
    for tag in value(tags):
        url = f"{registry}{repository}/manifests/{tag}"
        looks[f"told {tag}"] = http_look(url, accept=MANIFEST)
        looks[f"served {tag}"] = _manifest(registry, repository, tag)
    return looks


def _third(registry: str, repository: str, blobs: Fact[tuple[str, ...]]) -> Looks:
    return {name: served_look(f"{registry}{repository}/blobs/{name}") for name in value(blobs)}


def _tags(answer: Answer) -> tuple[str, ...]:
    # A registry without the repository says 404, NAME_UNKNOWN.
    if answer.status == 404:
        return ()
    if answer.status != 200:
        raise Unreadable(f"the list of tags: {answer}")
    return tags_in(answer.body)


def _blobs(answers: dict[str, Answer]) -> tuple[str, ...]:
    named = (blobs_in(answer.body) for answer in answers.values())
    return tuple(dict.fromkeys(digest for each in named for digest in each))


def _nothing(tags: Fact[tuple[str, ...]], repository: str) -> NotObserved | None:
    """Why there is nothing to fetch, where that is so. That nothing is served wrongly then is no pass."""
    if isinstance(tags, NotObserved) or tags.value:
        return None
    return NotObserved(f"nothing is there as {repository}: ./inv image.push", tags.evidence)
