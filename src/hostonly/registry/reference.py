"""Names of images as people type them: ``hello-socket``, ``hello-socket:latest``, ``…@sha256:…``.

Source of the grammar: the OCI distribution specification 1.1, "Pulling manifests".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostonly.errors import UsageError

if TYPE_CHECKING:
    from hostonly.site import Site

TAG = "latest"

_REPOSITORY = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LONGEST = 255


@dataclass(frozen=True, slots=True)
class Reference:
    """A ``repository`` and the ``version`` meant in it: a tag, or a digest (``sha256:…``)."""

    repository: str
    version: str

    @property
    def by_digest(self) -> bool:
        """True where it names one manifest for ever, and not whatever a tag names now."""
        return ":" in self.version

    def __str__(self) -> str:
        return f"{self.repository}{'@' if self.by_digest else ':'}{self.version}"


def check_repository(name: str) -> str:
    """Return ``name`` itself.

    Raises:
        UsageError: it is no repository's name.
    """
    if len(name) > LONGEST or not _REPOSITORY.fullmatch(name):
        raise UsageError(f"{name[:60]!r} is no repository name (such as hello-socket)")
    return name


def check_version(text: str) -> str:
    """Return ``text`` itself.

    Raises:
        UsageError: it is neither a tag nor a digest.
    """
    if not _TAG.fullmatch(text) and not _DIGEST.fullmatch(text):
        raise UsageError(f"{text[:80]!r} is neither a tag nor a digest (sha256:…)")
    return text


def parse(text: str, site: Site) -> Reference:
    """Return the reference that a user typed; no tag means ``latest``.

    The sandbox's registry may stand in front, as in ``localhost:5000/hello-socket``.

    Raises:
        UsageError: the text is no reference, or names another registry.
    """
    rest = text
    first, slash, inner = text.partition("/")
    # As Docker tells a registry from a name's first part.
    if slash and (":" in first or "." in first or first == "localhost"):
        port = site.registry_port
        ours = [f"{host}:{port}" for host in (site.sandbox.address, "localhost", "127.0.0.1")]
        if first not in ours:
            raise UsageError(f"{first[:60]!r} is not the sandbox's registry, which is {ours[0]}")
        rest = inner
    name, at, digest = rest.partition("@")
    name, colon, tag = name.partition(":")
    if at and not _DIGEST.fullmatch(digest):
        raise UsageError(f"{digest[:80]!r} is no digest (sha256: and 64 hexadecimal digits)")
    if colon and not _TAG.fullmatch(tag):
        raise UsageError(f"{tag[:80]!r} is no tag (letters, digits, _ . -, at most 128)")
    # With both, Docker too goes by the digest.
    return Reference(check_repository(name), digest or tag or TAG)
