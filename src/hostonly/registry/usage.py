"""The space that the registry's images take on the sandbox's disk, and deleting an image."""

from __future__ import annotations

from collections.abc import Callable

from hostonly.errors import HostonlyError, ToolFailed, UsageError
from hostonly.events import Emit
from hostonly.registry import service
from hostonly.registry.client import RegistryClient
from hostonly.registry.inspect import inspect
from hostonly.registry.reference import Reference
from hostonly.results.registry import Deletion, RepositoryUsage, Usage
from hostonly.vantages import Result, Vantage

TRIES = 3
BLOBS = f"{service.FOLDER}/docker/registry/v2/blobs"


def usage(registry: RegistryClient, sandbox: Vantage) -> Usage:
    """Return what is stored: the images by the registry's API, their bytes by the disk.

    Raises:
        HostonlyError: the registry does not answer, or the disk could not be looked at.
    """
    stored = _stored(sandbox)
    revisions = _revisions(sandbox)
    needed: set[str] = set()
    repositories = []
    for repository in registry.repositories():
        tags = registry.tags(repository)
        mine: set[str] = set()
        heads: set[str] = set()
        for tag in tags:
            served = inspect(registry, Reference(repository, tag))
            if served is None:
                # Deleted while we looked.
                continue
            heads.add(served.digest)
            for image in served.images:
                heads.add(image.digest)
                mine |= {blob.digest for blob in (image.config, *image.layers)}
        mine |= heads
        needed |= mine
        untagged = tuple(sorted(revisions.get(repository, set()) - heads))
        size = sum(stored.get(digest, 0) for digest in mine)
        repositories.append(RepositoryUsage(repository, tuple(tags), untagged, size))
    return Usage(
        tuple(repositories),
        sum(stored.values()),
        sum(size for digest, size in stored.items() if digest in needed),
        _number(sandbox, ["sudo", "du", "-sB1", service.FOLDER], lambda words: words[0]),
        _number(sandbox, ["df", "-B1", "--output=avail", service.FOLDER], lambda words: words[-1]),
    )


def delete(
    registry: RegistryClient, sandbox: Vantage, reference: Reference, emit: Emit
) -> Deletion:
    """Delete the manifest that ``reference`` names, all its tags, and the layers only it needed.

    Raises:
        HostonlyError: there is none.
        UsageError: a tag was given, and other tags name the same manifest: the registry deletes
            manifests, and those tags would go with it.
    """
    repository = reference.repository
    served = inspect(registry, reference)
    if served is None:
        raise HostonlyError(
            f"the registry has no {reference}", remedy="./inv registry.catalog, ./inv registry.tags"
        )
    others = [tag for tag in served.tags if tag != reference.version]
    if others and not reference.by_digest:
        raise UsageError(
            f"{reference} is also {', '.join(others)}: the registry can only delete them all, "
            f"which ./inv registry.delete {repository}@{served.digest} does"
        )
    before = sum(_stored(sandbox).values())
    if not registry.delete(repository, served.digest):
        raise HostonlyError(f"somebody else has deleted {reference} meanwhile")
    service.collect(sandbox, emit)
    registry.answers()
    if registry.manifest(repository, served.digest) is not None:
        raise HostonlyError(
            f"{repository}@{served.digest} was deleted, and is there again: somebody pushes it"
        )
    freed = before - sum(_stored(sandbox).values())
    return Deletion(repository, served.digest, served.tags, freed)


def _stored(sandbox: Vantage) -> dict[str, int]:
    """Return the size in bytes of each blob on the disk, by digest."""
    lines = _looked(
        sandbox, ["sudo", "find", service.FOLDER, "-name", "data", "-printf", "%s %p\n"]
    )
    found = {}
    for line in lines.stdout.splitlines():
        size, _, path = line.partition(" ")
        if path.startswith(f"{BLOBS}/sha256/"):
            found["sha256:" + path.split("/")[-2]] = int(size)
    return found


def _revisions(sandbox: Vantage) -> dict[str, set[str]]:
    """Return the digests of the manifests that each repository has, tagged or not."""
    pattern = "*/_manifests/revisions/sha256/*/link"
    lines = _looked(sandbox, ["sudo", "find", service.FOLDER, "-path", pattern])
    found: dict[str, set[str]] = {}
    for path in lines.stdout.splitlines():
        repository, _, rest = path.removeprefix(f"{service.REPOSITORIES}/").partition("/_manifests")
        found.setdefault(repository, set()).add("sha256:" + rest.split("/")[-2])
    return found


def _looked(sandbox: Vantage, argv: list[str]) -> Result:
    # find and du fail where a folder goes between being seen and being opened: an upload's, say.
    for _ in range(TRIES):
        result = sandbox.run(argv)
        if result.ok:
            return result
    raise ToolFailed(
        "the registry's folder could not be looked at", ran=result.command, output=result.output
    )


def _number(sandbox: Vantage, argv: list[str], pick: Callable[[list[str]], str]) -> int:
    result = _looked(sandbox, argv)
    try:
        return int(pick(result.stdout.split()))
    except (ValueError, IndexError) as error:
        raise HostonlyError(
            "the registry's folder could not be measured", ran=result.command, output=result.output
        ) from error
