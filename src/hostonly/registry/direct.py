"""Reading the sandbox's registry over one plain connection, by the standard library alone.

For a question or two: loading requests takes longer than they do. There is no second attempt and no
TLS here; where that is wanted, `client.py` has both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from hostonly.errors import HostonlyError
from hostonly.registry.reader import LARGEST_DOCUMENT, MANIFESTS, RegistryReader
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.waiting import limit

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Read:
    """An answer, read to its end."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    # A list of several pages is nobody's quick question.
    links: Mapping[str, Any] = field(default_factory=dict)


class DirectReader(RegistryReader):
    """The registry at ``address:port``, by way of ``bridge`` and no other; use it as a context."""

    def __init__(self, address: str, port: int, *, bridge: str) -> None:
        """Nothing is sent yet."""
        self.url = f"http://{address}:{port}"
        self._address = address
        self._bridge = bridge
        self._connection = HTTPConnection(address, port, timeout=limit(SECONDS))

    def __enter__(self) -> DirectReader:
        # Once: the connection that is opened then goes this way to its end.
        require_host_only_route(self._address, self._bridge)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @contextmanager
    def blob(self, repository: str, digest: str) -> Iterator[Iterator[bytes] | None]:
        """The bytes of a blob, in one piece; None where the registry has none."""
        answer = self._get(self._blob(repository, digest))
        yield None if answer.status_code == 404 else iter((answer.content,))

    def _get(self, path: str, *, method: str = "GET") -> Read:
        try:
            self._connection.request(method, path, headers={"Accept": ", ".join(MANIFESTS)})
            answer = self._connection.getresponse()
            content = answer.read(LARGEST_DOCUMENT + 1)
        except (OSError, HTTPException) as error:
            raise HostonlyError(f"the registry at {self.url} does not answer: {error}") from error
        if answer.status not in (200, 404) or answer.getheader("Link") or not answer.isclosed():
            raise HostonlyError(f"the registry's answer to {path} is none that is expected here")
        headers = {name.title(): value for name, value in answer.getheaders()}
        return Read(answer.status, headers, content)
