"""The registry's HTTP API, as far as hostonly needs it.

Source: the Docker Registry HTTP API V2 and the OCI distribution specification 1.1.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import requests

from hostonly.errors import HostonlyError, UsageError
from hostonly.vantages.route_guard import require_host_only_route

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)

# The grammar of repository names and tags in the distribution specification.
_REPOSITORY = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|sha256:[0-9a-f]{64}")

SECONDS = 10.0

# A registry that always names a next page must not keep us for ever.
PAGES = 1000


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as served: ``digest`` is computed from the bytes, never taken from a header."""

    digest: str
    media_type: str
    document: dict[str, Any]

    @property
    def config_digest(self) -> str | None:
        """The digest of the image's configuration, which is Docker's image id; None for an index."""
        config = self.document.get("config")
        return config.get("digest") if isinstance(config, dict) else None


class RegistryClient:
    """A registry at ``address:port``, looked at from the host, by way of ``bridge`` and no other."""

    def __init__(self, address: str, port: int, *, bridge: str) -> None:
        self.url = f"http://{address}:{port}"
        self._address = address
        self._bridge = bridge
        self._session = requests.Session()
        # A proxy of the environment's would carry our requests to somebody else.
        self._session.trust_env = False

    def repositories(self) -> list[str]:
        """The catalog: names of all repositories, all pages of it."""
        return self._pages("/v2/_catalog", "repositories")

    def tags(self, repository: str) -> list[str]:
        """The tags of ``repository``; none where the registry does not know it."""
        if not _REPOSITORY.fullmatch(repository):
            raise UsageError(f"{repository[:60]!r} is no repository name (such as hello-socket)")
        return self._pages(f"/v2/{repository}/tags/list", "tags")

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """The manifest of a tag or digest as it is really served; None where there is none.

        Raises:
            HostonlyError: no answer, or bytes that do not have the digest they were asked by.
        """
        if not _REPOSITORY.fullmatch(repository) or not _REFERENCE.fullmatch(reference):
            raise UsageError(f"{repository[:60]}:{reference[:80]} is no image reference")
        answer = self._get(f"/v2/{repository}/manifests/{reference}")
        if answer.status_code == 404:
            return None
        digest = "sha256:" + hashlib.sha256(answer.content).hexdigest()
        if reference.startswith("sha256:") and digest != reference:
            raise HostonlyError(
                f"the registry served {digest} when asked for {reference}: its data is damaged",
                ran=f"curl {self.url}/v2/{repository}/manifests/{reference}",
            )
        return Manifest(digest, answer.headers.get("Content-Type", ""), self._json(answer))

    def missing_blobs(self, repository: str, manifest: Manifest) -> list[str]:
        """The digests of the blobs that ``manifest`` names and the registry does not have."""
        named = [manifest.document.get("config") or {}, *(manifest.document.get("layers") or [])]
        digests = [str(blob["digest"]) for blob in named if "digest" in blob]
        return [
            digest
            for digest in digests
            if self._get(f"/v2/{repository}/blobs/{digest}", head=True).status_code == 404
        ]

    def _pages(self, path: str, key: str) -> list[str]:
        found: list[str] = []
        for _ in range(PAGES):
            answer = self._get(path)
            if answer.status_code == 404:
                return found
            found += self._json(answer).get(key) or []
            following = answer.links.get("next", {}).get("url")
            if not following:
                return found
            path = following.removeprefix(self.url)
        raise HostonlyError(f"the registry's list at {path} does not end after {PAGES} pages")

    def _get(self, path: str, *, head: bool = False) -> requests.Response:
        require_host_only_route(self._address, self._bridge)
        try:
            answer = self._session.request(
                "HEAD" if head else "GET",
                self.url + path,
                headers={"Accept": ", ".join(MANIFESTS)},
                timeout=SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise HostonlyError(
                f"the registry at {self.url} does not answer: {error}",
                ran=f"curl {self.url}{path}",
                remedy="./inv registry.up",
            ) from error
        if answer.status_code not in (200, 404):
            raise HostonlyError(
                f"the registry answered with status {answer.status_code}",
                ran=f"curl {self.url}{path}",
                output=answer.text[:2000],
            )
        return answer

    def _json(self, answer: requests.Response) -> dict[str, Any]:
        try:
            document = json.loads(answer.content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise HostonlyError(
                "the registry's answer is no JSON object: is it a registry that answers there?",
                ran=f"curl {answer.url}",
                output=answer.text[:500],
            )
        return document
