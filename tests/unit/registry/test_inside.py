"""The registry's lists from inside the sandbox: by its curl, and every page of them."""

from __future__ import annotations

import pytest

from hostonly.errors import HostonlyError
from hostonly.registry.access import repositories
from hostonly.site import Site
from hostonly.testing import FakeVantage

FIRST, SECOND = "/v2/_catalog", "/v2/_catalog?last=b&n=2"


class Sandbox(FakeVantage):
    """Answers as curl -i does, by the URL's path."""

    def __init__(self, **answers: str) -> None:
        super().__init__()
        self.pages, self.asked = answers, list[str]()

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        path = argv[-1].removeprefix("http://localhost:5000")
        self.asked.append(path)
        said = self.pages.get("second" if path == SECOND else "first", "")
        return 0 if said else 7, said, ""


def page(body: str, *headers: str, status: str = "200 OK") -> str:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", body))


def catalog(sandbox: Sandbox, site: Site) -> list[str]:
    return repositories(site, sandbox, "sandbox")


def test_every_page_is_followed(site: Site) -> None:
    more = f'Link: <{SECOND}>; rel="next"'
    sandbox = Sandbox(
        first=page('{"repositories": ["a", "b"]}', more), second=page('{"repositories": ["c"]}')
    )
    assert catalog(sandbox, site) == ["a", "b", "c"]
    assert sandbox.asked == [FIRST, SECOND]


@pytest.mark.parametrize(
    "answer",
    ["", page("[]"), page("<html>"), page("{}", status="503 No"), "nonsense"],
    ids=["nobody", "no object", "no JSON", "out of order", "no HTTP"],
)
def test_what_is_no_list_is_an_error(site: Site, answer: str) -> None:
    with pytest.raises(HostonlyError) as error:
        catalog(Sandbox(first=answer), site)
    assert (error.value.ran or "").startswith("curl ")
