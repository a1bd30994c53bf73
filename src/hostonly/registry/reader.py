"""Reading a registry by its HTTP API, whichever subclass carries the requests.

Source: the Docker Registry HTTP API V2 and the OCI distribution specification 1.1.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from hostonly.errors import HostonlyError
from hostonly.registry.reference import check_repository, check_version

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)

# A registry that always names a next page must not keep us for ever.
PAGES = 1000

# The specification's limit for a manifest; no configuration of a sane image is larger either.
LARGEST_DOCUMENT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Read:
    """An answer that was read to its end; ``links`` are those of its header, by their relation."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    links: Mapping[str, Any] = field(default_factory=dict)


class Answer(Protocol):
    """The answer to a request, as far as it is used here."""

    @property
    def status_code(self) -> int:
        """The HTTP status: 200, 202 or 404."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by name, such as ``Content-Type``."""
        ...

    @property
    def content(self) -> bytes:
        """The whole body."""
        ...

    @property
    def links(self) -> Mapping[str, Any]:
        """The links of the header ``Link``, by relation; each has a ``url``."""
        ...


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as served: ``digest`` is computed from the bytes, never taken from a header."""

    digest: str
    media_type: str
    document: dict[str, Any]

    @property
    def config_digest(self) -> str | None:
        """The digest of the image's configuration; None for an index."""
        config = self.document.get("config")
        return config.get("digest") if isinstance(config, dict) else None


class RegistryLists(ABC):
    """The lists of a registry at ``url`` (scheme, address, port); a subclass sends the requests."""

    url: str
    _page = ""

    @abstractmethod
    def _get(self, path: str, *, method: str = "GET") -> Answer:
        """Return the answer to a request.

        Raises:
            HostonlyError: there is none, or it has another status than those of ``Answer``.
        """

    def answers(self) -> None:
        """Return when a registry answers.

        Raises:
            HostonlyError: none does.
        """
        self._json(self._get("/v2/"), "/v2/")

    def repositories(self) -> list[str]:
        """Return the names of all repositories, from all pages of the catalog."""
        return self._pages("/v2/_catalog", "repositories")

    def tags(self, repository: str) -> list[str]:
        """Return the tags of ``repository``; none where the registry does not know it."""
        return self._pages(f"/v2/{check_repository(repository)}/tags/list", "tags")

    def _pages(self, path: str, key: str) -> list[str]:
        found: list[str] = []
        path += self._page
        for _ in range(PAGES):
            answer = self._get(path)
            if answer.status_code == 404:
                return found
            found += self._json(answer, path).get(key) or []
            following = answer.links.get("next", {}).get("url")
            if not following:
                return found
            path = following.removeprefix(self.url)
        raise HostonlyError(f"the registry's list at {path} does not end after {PAGES} pages")

    def _json(self, answer: Answer, path: str) -> dict[str, Any]:
        return self._object(answer.content, self.url + path)

    def _object(self, content: bytes, url: str) -> dict[str, Any]:
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise HostonlyError(
                "the registry's answer is no JSON object: is it a registry that answers there?",
                ran=f"curl {url}",
                output=content[:500].decode(errors="replace"),
            )
        return document


class RegistryReader(RegistryLists):
    """A registry's lists and its images."""

    @abstractmethod
    def blob(self, repository: str, digest: str) -> AbstractContextManager[Iterator[bytes] | None]:
        """Return a context of a blob's bytes, as they come; None where the registry has none."""

    def manifest(self, repository: str, version: str) -> Manifest | None:
        """Return the manifest of a tag or digest as it is really served; None where there is none.

        Raises:
            HostonlyError: there is no answer, or the bytes do not have the digest asked for.
        """
        path = f"/v2/{check_repository(repository)}/manifests/{check_version(version)}"
        answer = self._get(path)
        if answer.status_code == 404:
            return None
        digest = "sha256:" + hashlib.sha256(answer.content).hexdigest()
        if version.startswith("sha256:") and digest != version:
            raise HostonlyError(
                f"the registry served {digest} when asked for {version}: its data is damaged",
                ran=f"curl {self.url}{path}",
            )
        return Manifest(digest, answer.headers.get("Content-Type", ""), self._json(answer, path))

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Return the size in bytes of what the registry has under ``digest``; None for nothing."""
        answer = self._get(self._blob(repository, digest), method="HEAD")
        return None if answer.status_code == 404 else int(answer.headers["Content-Length"])

    def document(self, repository: str, digest: str) -> dict[str, Any] | None:
        """Return a blob that is a JSON object, such as an image's configuration; None without it.

        Raises:
            HostonlyError: it does not have its digest, is no JSON object, or is larger than 4 MB.
        """
        with self.blob(repository, digest) as chunks:
            content = b""
            for chunk in chunks or ():
                content += chunk
                if len(content) > LARGEST_DOCUMENT:
                    raise HostonlyError(f"the configuration {digest} is larger than 4 MB")
        if chunks is None:
            return None
        if "sha256:" + hashlib.sha256(content).hexdigest() != digest:
            raise HostonlyError(f"the registry served something else as {digest}: damaged data")
        return self._object(content, f"{self.url}{self._blob(repository, digest)}")

    def _blob(self, repository: str, digest: str) -> str:
        return f"/v2/{check_repository(repository)}/blobs/{check_version(digest)}"
