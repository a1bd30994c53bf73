"""The registry's HTTP API by ``requests``: plain or by TLS, with the request that deletes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError
from urllib3.exceptions import TimeoutError as LimitStruck
from urllib3.util import Retry

from hostonly.errors import HostonlyError
from hostonly.registry.reader import MANIFESTS, RegistryReader
from hostonly.registry.reference import check_repository, check_version
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.waiting import limit, more_patience

SECONDS = 10.0

CHUNK = 1 << 20


class RegistryClient(RegistryReader):
    """A client of the registry at ``address:port``; its packets leave by ``bridge`` alone."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        bridge: str,
        authority: Path | None = None,
        page_size: int | None = None,
    ) -> None:
        """Make a client, which speaks TLS where it has an ``authority``, a PEM file.

        The authority must vouch for the registry's certificate then. ``page_size`` is how many
        names a list may bring at once (None: the registry decides)."""
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

    @contextmanager
    def blob(self, repository: str, digest: str) -> Iterator[Iterator[bytes] | None]:
        """Yield the bytes of a blob, as they come; None where the registry has none."""
        answer = self._get(self._blob(repository, digest), stream=True)
        with answer:
            yield None if answer.status_code == 404 else self._chunks(answer)

    def delete(self, repository: str, digest: str) -> bool:
        """Delete a manifest and all tags that name it; return False where there is none."""
        path = f"/v2/{check_repository(repository)}/manifests/{check_version(digest)}"
        return self._get(path, method="DELETE").status_code != 404

    def _chunks(self, answer: requests.Response) -> Iterator[bytes]:
        try:
            yield from answer.iter_content(CHUNK)
        except requests.RequestException as error:
            raise HostonlyError(
                f"the registry broke off in the middle: {error}",
                ran=f"curl {answer.url}",
                remedy=_if_late(error) or None,
            ) from error

    def _get(self, path: str, *, method: str = "GET", stream: bool = False) -> requests.Response:
        require_host_only_route(self._address, self._bridge)
        ran = f"curl {'' if method == 'GET' else f'-X {method} '}{self.url}{path}"
        try:
            answer = self._session.request(
                method,
                self.url + path,
                headers={"Accept": ", ".join(MANIFESTS)},
                timeout=limit(SECONDS),
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
                remedy=f"./inv registry.up   {_if_late(error)}".rstrip(),
            ) from error
        if answer.status_code not in (200, 202, 404):
            raise HostonlyError(
                f"the registry answered with status {answer.status_code}",
                ran=ran,
                output=answer.text[:2000],
            )
        return answer


def _if_late(error: requests.RequestException) -> str:
    """Return how our time limit is raised where it struck; else an empty text."""
    # What urllib3 has said; after several attempts that is the reason of the last.
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    refused = isinstance(reason, NewConnectionError)
    return more_patience() if isinstance(reason, LimitStruck) and not refused else ""
