"""Claims about what the registry serves."""

from __future__ import annotations

from collections.abc import Mapping

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.http import Answer
from hostonly.facts.served import Served, repositories_in

SPECIFICATION = "OCI distribution specification 1.1"


@claim(
    "registry.catalog",
    "Host and sandbox see one catalog.",
    source="Docker Registry HTTP API V2: Listing Repositories",
)
def catalog_same(*, host: Answer, sandbox: Answer) -> Judgement:
    """Holds when both were given the same list of repositories."""
    for place, answer in (("host", host), ("sandbox", sandbox)):
        if answer.status != 200:
            return Judgement(False, f"the {place} was given none: {answer}")
    outside, inside = repositories_in(host.body), repositories_in(sandbox.body)
    if outside != inside:
        return Judgement(
            False, f"the host sees {', '.join(outside)}; the sandbox sees {', '.join(inside)}"
        )
    return Judgement(True, ", ".join(outside) or "nothing was pushed yet")


@claim(
    "registry.manifest.{place}",
    "From the {place}, the manifest of {repository}:{tag} is served, and its bytes have the digest told.",
    source=f"{SPECIFICATION}: Pulling manifests, Docker-Content-Digest",
)
def manifest_served(
    *, place: str, repository: str, tag: str, answer: Answer, by_tag: Served
) -> Judgement:
    """Holds when the bytes that the tag gives hash to the digest in the answer's header, by which
    clients pull it ever after."""
    told = answer.header("docker-content-digest")
    if answer.status != 200 or by_tag.digest is None:
        return Judgement(False, f"{answer}; {by_tag}")
    if told != by_tag.digest:
        return Judgement(False, f"the registry told {told}, the bytes have {by_tag.digest}")
    return Judgement(True, by_tag.digest)


@claim(
    "registry.blobs.{place}",
    "From the {place}, the configuration and every layer of {repository}:{tag} are served,"
    " byte for byte.",
    source=f"{SPECIFICATION}: Pulling blobs; a blob's name is the digest of its bytes",
)
def blobs_served(
    *, place: str, repository: str, tag: str, blobs: Mapping[str, Served]
) -> Judgement:
    """Holds when the bytes that came for each digest hash to it."""
    wrong = [f"{name} gave {served}" for name, served in blobs.items() if served.digest != name]
    if wrong:
        return Judgement(False, "; ".join(wrong))
    if not blobs:
        return Judgement(None, "the manifest names none")
    return Judgement(True, f"all {len(blobs)} hash to their names")
