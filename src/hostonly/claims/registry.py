"""Claims about what the registry serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.http import HttpAnswer
from hostonly.facts.served import Named, Served, repositories_in

SPECIFICATION = "OCI distribution specification 1.1"


@claim(
    "registry.catalog",
    "Host and sandbox see one catalog.",
    source="Docker Registry HTTP API V2: Listing Repositories",
)
def catalog_same(*, host: HttpAnswer, sandbox: HttpAnswer) -> Judgement:
    """Holds when host and sandbox were given the same list of repositories."""
    for place, answer in (("host", host), ("sandbox", sandbox)):
        if answer.status != 200:
            return Judgement(False, f"the {place} was given none: {answer}")
    outside, inside = repositories_in(host.body), repositories_in(sandbox.body)
    if outside != inside:
        return Judgement(
            False, f"the host sees {', '.join(outside)}; the sandbox sees {', '.join(inside)}"
        )
    return Judgement(True, ", ".join(outside) or "nothing was pushed yet")


@dataclass(frozen=True, slots=True)
class Pushed:
    """The image that was last pushed as ``tag``.

    ``manifest`` and ``config`` are digests; ``again`` is the command that pushes it again."""

    tag: str
    manifest: str
    config: str
    again: str


@claim(
    "registry.pushed",
    "What was last pushed from this checkout as {repository} is still what its tags name.",
    source=f"{SPECIFICATION}: Pulling manifests; the record of ./inv image.push",
)
def pushed_served(
    *,
    repository: str,
    pushed: tuple[Pushed, ...],
    now: Mapping[str, Named],
    served: Mapping[str, Served],
) -> Judgement:
    """Holds when each tag names the manifest that was pushed, or another one of the same image.

    ``now`` has what each tag names; ``served`` has what comes for each manifest, by its digest."""
    same, other = [], []
    for each in pushed:
        named = now[each.tag]
        digest = named.served.digest
        if digest == each.manifest:
            same.append(f"{each.tag}: {digest}")
        elif digest is not None and digest == named.told and {*named.configs} == {each.config}:
            # Each engine may write a manifest of its own for the same configuration and layers.
            same.append(
                f"{each.tag}: {digest}, another manifest of the image pushed as {each.manifest}"
            )
        else:
            lost = served[each.manifest].digest != each.manifest
            left = "is no longer served" if lost else "is only served by its digest"
            other.append(
                f"{repository}:{each.tag} was pushed ({each.manifest}), {_instead(each, named, pushed)},"
                f" and what was pushed {left}: {each.again}"
            )
    if other:
        return Judgement(False, "; ".join(other))
    if not pushed:
        return Judgement(None, "nothing was")
    return Judgement(True, "; ".join(same))


def _instead(each: Pushed, named: Named, pushed: tuple[Pushed, ...]) -> str:
    """Returns, in words, what the tag of ``each`` gives instead of the image that was pushed."""
    digest = named.served.digest
    if digest is None:
        return f"the tag gives {named.served}"
    if named.told == each.manifest:
        return f"its manifest has other bytes now ({digest})"
    ours = [
        other.tag
        for other in pushed
        if other is not each and (other.manifest == digest or other.config in named.configs)
    ]
    whose = f"pushed from here as {ours[0]}" if ours else "not what was last pushed from here"
    return f"the tag now names another image, {digest} ({whose}: {named.said})"


@claim(
    "registry.manifest.{place}",
    "From the {place}, the manifest of every tag of {repository} is served, and its bytes have the"
    " digest told.",
    source=f"{SPECIFICATION}: Pulling manifests, Docker-Content-Digest",
)
def manifests_served(
    *,
    place: str,
    repository: str,
    answers: Mapping[str, HttpAnswer],
    by_tag: Mapping[str, Served],
) -> Judgement:
    """Holds when the bytes that each tag gives hash to the digest in the answer's header.

    Clients use that digest whenever they pull the manifest again."""
    for tag, answer in answers.items():
        told = answer.header("docker-content-digest")
        if answer.status != 200 or by_tag[tag].digest is None:
            return Judgement(False, f"{tag}: {answer}; {by_tag[tag]}")
        if told != by_tag[tag].digest:
            why = f"{tag}: the registry told {told}, the bytes have {by_tag[tag].digest}"
            return Judgement(False, why)
    if not answers:
        return Judgement(None, "it has no tag")
    return Judgement(True, ", ".join(f"{tag}: {by_tag[tag].digest}" for tag in answers))


@claim(
    "registry.blobs.{place}",
    "From the {place}, the configuration and every layer of {repository} are served, byte for byte.",
    source=f"{SPECIFICATION}: Pulling blobs; a blob's name is the digest of its bytes",
)
def blobs_served(*, place: str, repository: str, blobs: Mapping[str, Served]) -> Judgement:
    """Holds when the bytes that came for each digest hash to it."""
    wrong = [f"{name} gave {served}" for name, served in blobs.items() if served.digest != name]
    if wrong:
        return Judgement(False, "; ".join(wrong))
    if not blobs:
        return Judgement(None, "the manifests name none")
    return Judgement(True, f"all {len(blobs)} hash to their names")
