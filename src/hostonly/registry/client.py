"""The registry's HTTP API, as far as hostonly needs it.

Source: the Docker Registry HTTP API V2 and the OCI distribution specification 1.1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from hostonly.errors import HostonlyError
from hostonly.registry.reference import check_repository, check_version
from hostonly.vantages.route_guard import require_host_only_route

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)

SECONDS = 10.0

# A registry that always names a next page must not keep us for ever.
PAGES = 1000

# The specification's limit for a manifest; no configuration of a sane image is larger either.
LARGEST_DOCUMENT = 4 * 1024 * 1024
CHUNK = 1 << 20


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


class RegistryClient:
    """A registry at ``address:port``, looked at from the host, by way of ``bridge`` and no other."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        bridge: str,
        authority: Path | None = None,
        page_size: int | None = None,
    ) -> None:
        """``authority``: a PEM file; then TLS is spoken and the registry's certificate must be
        vouched for by it. ``page_size``: how many names a list may bring at once (else the
        registry decides)."""
        self.url = f"{'http' if authority is None else 'https'}://{address}:{port}"
        self._address = address
        self._bridge = bridge
        self._page = "" if page_size is None else f"?n={page_size}"
        self._session = requests.Session()
        # A proxy of the environment's would carry our requests to somebody else.
        self._session.trust_env = False
        # A kept connection ends when the registry is restarted: what only asks is asked once more.
        again = Retry(total=2, connect=0, status=0, read=2, allowed_methods={"GET", "HEAD"})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))
        self._session.verify = True if authority is None else str(authority)

    def answers(self) -> None:
        """Return when a registry answers. Raises `HostonlyError` when none does."""
        self._json(self._get("/v2/"))

    def repositories(self) -> list[str]:
        """The catalog: names of all repositories, all pages of it."""
        return self._pages("/v2/_catalog", "repositories")

    def tags(self, repository: str) -> list[str]:
        """The tags of ``repository``; none where the registry does not know it."""
        return self._pages(f"/v2/{check_repository(repository)}/tags/list", "tags")

    def manifest(self, repository: str, version: str) -> Manifest | None:
        """The manifest of a tag or digest as it is really served; None where there is none.

        Raises:
            HostonlyError: no answer, or bytes that do not have the digest they were asked by.
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
        return Manifest(digest, answer.headers.get("Content-Type", ""), self._json(answer))

    def blob_size(self, repository: str, digest: str) -> int | None:
        """The size in bytes of what the registry has under ``digest``; None where it has nothing."""
        answer = self._get(self._blob(repository, digest), method="HEAD")
        return None if answer.status_code == 404 else int(answer.headers["Content-Length"])

    def document(self, repository: str, digest: str) -> dict[str, Any] | None:
        """A blob that is a JSON object (an image's configuration), checked by its digest; None
        where the registry has none. Raises `HostonlyError` where it is damaged."""
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

    @contextmanager
    def blob(self, repository: str, digest: str) -> Iterator[Iterator[bytes] | None]:
        """The bytes of a blob, as they come; None where the registry has none."""
        answer = self._get(self._blob(repository, digest), stream=True)
        with answer:
            yield None if answer.status_code == 404 else self._chunks(answer)

    def delete(self, repository: str, digest: str) -> bool:
        """Delete a manifest, and with it all tags that name it; False where there is none."""
        path = f"/v2/{check_repository(repository)}/manifests/{check_version(digest)}"
        return self._get(path, method="DELETE").status_code != 404

    def _blob(self, repository: str, digest: str) -> str:
        return f"/v2/{check_repository(repository)}/blobs/{check_version(digest)}"

    def _chunks(self, answer: requests.Response) -> Iterator[bytes]:
        try:
            yield from answer.iter_content(CHUNK)
        except requests.RequestException as error:
            raise HostonlyError(
                f"the registry broke off in the middle: {error}", ran=f"curl {answer.url}"
            ) from error

    def _pages(self, path: str, key: str) -> list[str]:
        found: list[str] = []
        path += self._page
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

    def _get(self, path: str, *, method: str = "GET", stream: bool = False) -> requests.Response:
        require_host_only_route(self._address, self._bridge)
        ran = f"curl {'' if method == 'GET' else f'-X {method} '}{self.url}{path}"
        try:
            answer = self._session.request(
                method,
                self.url + path,
                headers={"Accept": ", ".join(MANIFESTS)},
                timeout=SECONDS,
                allow_redirects=False,
                stream=stream,
            )
        except requests.exceptions.SSLError as error:
            raise HostonlyError(
                f"what answers at {self.url} does not show this sandbox's certificate: {error}",
                ran=ran,
                remedy="./inv sandbox.status; a sandbox made by an older checkout has none: "
                "./inv sandbox.destroy and ./inv sandbox.up",
            ) from error
        except requests.RequestException as error:
            raise HostonlyError(
                f"the registry at {self.url} does not answer: {error}",
                ran=ran,
                remedy="./inv registry.up",
            ) from error
        if answer.status_code not in (200, 202, 404):
            raise HostonlyError(
                f"the registry answered with status {answer.status_code}",
                ran=ran,
                output=answer.text[:2000],
            )
        return answer

    def _json(self, answer: requests.Response) -> dict[str, Any]:
        return self._object(answer.content, str(answer.url))

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
