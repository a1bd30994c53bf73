"""Does the registry really serve what was pushed, to the host and to the sandbox? Nothing is changed."""

from __future__ import annotations

import time
from typing import Any

from hostonly.checks.sides import Facts, Judged, Looks, look_from_both, why_not_look
from hostonly.claims.registry import blobs_served, catalog_same, manifest_served
from hostonly.claims.sandbox import registry_answers, route_host_only, sandbox_running
from hostonly.events import Emit
from hostonly.facts import Fact, NotObserved, Unreadable, select, together
from hostonly.facts.http import Answer
from hostonly.facts.http import look as http_look
from hostonly.facts.routes import observe_routes, route_to
from hostonly.facts.served import (
    MANIFEST,
    SECONDS,
    blobs_in,
    repositories_in,
    served_look,
)
from hostonly.report.model import CheckResult
from hostonly.sandbox.machine import Machine
from hostonly.settings import Settings
from hostonly.vantages import Host

NAME = "registry"
TAG = "latest"


def check(settings: Settings, emit: Emit) -> CheckResult:
    """Ask the registry from both sides, and hash every byte that it serves of the image."""
    start = time.monotonic()
    claims = Judged(emit)
    host, machine, network = Host(), Machine(settings, emit), settings.network
    state, way = machine.observe_state(), route_to(host, machine.address)
    claims.judge(sandbox_running, {"machine": machine.name}, state=state)
    claims.judge(
        route_host_only,
        {
            "address": machine.address,
            "bridge": network.bridge,
            "source": str(network.host.ip),
        },
        way=way,
        routes=observe_routes(host),
    )
    closed = why_not_look(state, way, network.bridge)
    urls = {
        "host": f"http://{machine.address}:{settings.registry.port}",
        "sandbox": f"http://localhost:{settings.registry.port}",
    }
    repository = settings.image.name
    with machine.vantage() as sandbox:

        def look(looks: dict[str, Looks]) -> dict[str, Facts]:
            seen = look_from_both(
                host, looks["host"], sandbox, looks["sandbox"], closed, timeout=SECONDS + 5
            )
            return dict(zip(urls, seen, strict=True))

        first = look({place: _first(url, repository) for place, url in urls.items()})
        blobs = {place: _blobs(seen["manifest"]) for place, seen in first.items()}
        second = look(
            {place: _second(url, repository, blobs[place]) for place, url in urls.items()}
        )
    for place, url in urls.items():
        claims.judge(
            registry_answers, {"place": place, "url": f"{url}/v2/"}, answer=first[place]["version"]
        )
    catalogs = {place: seen["catalog"] for place, seen in first.items()}
    claims.judge(catalog_same, {}, **catalogs)
    absent = _absent(catalogs["host"], repository)
    for place, seen in first.items():
        about: dict[str, object] = {"place": place, "repository": repository, "tag": TAG}
        if absent:
            for claim in (manifest_served, blobs_served):
                claims.skip(claim, absent, about)
            continue
        claims.judge(manifest_served, about, answer=seen["manifest"], by_tag=seen["by_tag"])
        claims.judge(blobs_served, about, blobs=_served(blobs[place], second[place]))
    return CheckResult(NAME, tuple(claims.results), time.monotonic() - start)


def _first(url: str, repository: str) -> Looks:
    manifest = f"{url}/v2/{repository}/manifests/{TAG}"
    return {
        "version": http_look(f"{url}/v2/"),
        "catalog": http_look(f"{url}/v2/_catalog?n=1000"),
        "manifest": http_look(manifest, accept=MANIFEST),
        "by_tag": served_look(manifest, accept=MANIFEST),
    }


def _blobs(manifest: Fact[Answer]) -> Fact[tuple[str, ...]]:
    return select(manifest, lambda answer: blobs_in(answer.body))


def _second(url: str, repository: str, blobs: Fact[tuple[str, ...]]) -> Looks:
    named = () if isinstance(blobs, NotObserved) else blobs.value
    return {digest: served_look(f"{url}/v2/{repository}/blobs/{digest}") for digest in named}


def _served(blobs: Fact[tuple[str, ...]], served: Facts) -> Fact[Any]:
    if isinstance(blobs, NotObserved):
        return blobs
    return select(
        together([served[digest] for digest in blobs.value]),
        lambda values: dict(zip(blobs.value, values, strict=True)),
    )


def _absent(catalog: Fact[Answer], repository: str) -> str | None:
    """Why there is nothing to fetch: a readable, whole catalog without the image; None otherwise."""
    # What has more than the page that was asked for (a thousand names) may have the image on another.
    if isinstance(catalog, NotObserved) or catalog.value.header("link"):
        return None
    try:
        listed = repositories_in(catalog.value.body)
    except Unreadable:
        return None
    return None if repository in listed else f"nothing was pushed as {repository}: ./inv image.push"
