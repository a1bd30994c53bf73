"""What a registry really serves, by the digest of the bytes that come.

The digest is computed where the bytes arrive, by ``curl … | sha256sum``; the registry's own word in
a header is not asked. Sources: OCI distribution specification 1.1, pulling manifests and blobs,
listing tags; OCI image specification 1.1, image manifest; curl(1): ``-f`` gives status 22 for a
status of 400 or above."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hostonly.facts.fact import Fact, NotObserved, Observed, Unreadable, json_object
from hostonly.facts.http import NOBODY
from hostonly.facts.questions import Question
from hostonly.vantages import Result, shown
from hostonly.waiting import limit

# A layer of some 40 MB, on a machine that is busy with others.
SECONDS = 30

# What to ask for; without it an old format is served. A list of several images' manifests as well: who
# does not ask for it is told that there is nothing.
MANIFEST = (
    "application/vnd.docker.distribution.manifest.v2+json,"
    " application/vnd.oci.image.manifest.v1+json,"
    " application/vnd.docker.distribution.manifest.list.v2+json,"
    " application/vnd.oci.image.index.v1+json"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# What a label's name ends in.
TITLE = ("title", "version")
SUM = re.compile(r"([0-9a-f]{64})  -\n?")
# -L is not given: a registry that sends us elsewhere does not serve it itself.
PIPE = 'set -o pipefail; curl -q -sSf --noproxy "*" -m {seconds:.0f} "$@" | sha256sum'


@dataclass(frozen=True, slots=True)
class Served:
    """The ``digest`` of the bytes that came; None where none came, ``because`` of what."""

    digest: str | None
    because: str = ""

    def __str__(self) -> str:
        return self.digest or self.because


@dataclass(frozen=True, slots=True)
class Named:
    """What a tag names.

    ``told`` is the digest in the registry's answer, None where it gave none. ``configs`` are the
    digests of the configurations of the image, or of the images of a list. ``said`` is what is
    known of the image, in words."""

    served: Served
    told: str | None = None
    configs: tuple[str, ...] = ()
    said: str = ""


def served(url: str, *, accept: str | None = None) -> Question[Served]:
    """Ask for the digest of the bytes that come from ``url``."""
    header = ("-H", f"Accept: {accept}") if accept else ()
    pipe = PIPE.format(seconds=limit(SECONDS))
    return Question(("bash", "-c", pipe, "bash", *header, url), read_served)


def read_served(result: Result) -> Fact[Served]:
    """Read the digest; not observed where neither bytes nor a registry's refusal came."""
    last = (result.stderr.strip().splitlines() or [""])[-1]
    match = SUM.fullmatch(result.stdout)
    if result.ok and match is not None:
        return Observed(Served(f"sha256:{match[1]}"), (result,))
    if result.exit == 22 or result.exit in NOBODY:
        return Observed(Served(None, last.removeprefix("curl: ")), (result,))
    return NotObserved(result.failure, (result,))


def blobs_in(manifest: str) -> tuple[str, ...]:
    """Return the digests of the configuration and every layer that a ``manifest`` names, in order.

    Raises:
        Unreadable: ``manifest`` is no manifest of one image.
    """
    document = json_object(manifest)
    try:
        named = [document["config"]["digest"], *(layer["digest"] for layer in document["layers"])]
    except (KeyError, TypeError) as error:
        raise Unreadable(f"no manifest of one image: {error!r}") from error
    return _digests(named)


def manifests_in(manifest: str) -> tuple[str, ...]:
    """Return the digests of the manifests in a list of several images; none of other manifests.

    Raises:
        Unreadable: ``manifest`` is no manifest at all.
    """
    try:
        named = [each["digest"] for each in json_object(manifest).get("manifests", ())]
    except (KeyError, TypeError) as error:
        raise Unreadable(f"no list of manifests: {error!r}") from error
    return _digests(named)


def image_said(config: str) -> str:
    """Describe an image by its configuration: title and version, when it was made, what it starts.

    Raises:
        Unreadable: ``config`` is no configuration.
    """
    document = json_object(config)
    inner = document.get("config") or {}
    try:
        labels = inner.get("Labels") or {}
        title, version = (labels.get(f"org.opencontainers.image.{key}") for key in TITLE)
        command = [*(inner.get("Entrypoint") or ()), *(inner.get("Cmd") or ())]
    except (AttributeError, TypeError) as error:
        raise Unreadable(f"no configuration of an image: {error!r}") from error
    name = " ".join(str(word) for word in (title, version) if word)
    starts = f"`{shown([str(word) for word in command])[:80]}`" if command else "nothing"
    return f"{name or 'an image without a title'}, made {document.get('created')}, which starts {starts}"


def _digests(named: Sequence[object]) -> tuple[str, ...]:
    for digest in named:
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise Unreadable(f"no digest: {str(digest)[:80]!r}")
    return tuple(dict.fromkeys(str(digest) for digest in named))


def repositories_in(catalog: str) -> tuple[str, ...]:
    """Return the names in a ``/v2/_catalog``."""
    names = json_object(catalog).get("repositories")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unreadable("no catalog")
    return tuple(names)


def tags_in(listing: str) -> tuple[str, ...]:
    """Return the tags in a ``/v2/NAME/tags/list``, which has null where all were deleted."""
    document = json_object(listing)
    tags = document.get("tags") or []
    if "tags" not in document or not isinstance(tags, list):
        raise Unreadable("no list of tags")
    for tag in tags:
        if not isinstance(tag, str) or not TAG.fullmatch(tag):
            raise Unreadable(f"no tag: {str(tag)[:80]!r}")
    return tuple(sorted(tags))
