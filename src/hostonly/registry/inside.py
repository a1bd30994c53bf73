"""The registry's lists as they are seen from inside the sandbox, by its own curl."""

from __future__ import annotations

from requests.utils import parse_header_links

from hostonly.errors import HostonlyError
from hostonly.facts.http import http, read_answer
from hostonly.registry.reader import Read, RegistryLists
from hostonly.vantages import Vantage


class InsideLists(RegistryLists):
    """The lists of the registry at ``localhost:port`` on the machine of ``vantage``."""

    def __init__(self, vantage: Vantage, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self._vantage = vantage

    def _get(self, path: str, *, method: str = "GET") -> Read:
        result = self._vantage.run(http(self.url + path).argv)
        answer = read_answer(result).value_or(None)
        if answer is None or answer.status not in (200, 404):
            raise HostonlyError(
                "the registry gave no list inside the sandbox",
                ran=result.command,
                output=result.output,
                remedy="./inv registry.up",
            )
        links = parse_header_links(answer.header("link") or "")
        return Read(
            answer.status,
            dict(answer.headers),
            answer.body.encode(),
            {link["rel"]: link for link in links if "rel" in link},
        )
