"""References as people type them."""

from __future__ import annotations

import pytest

from hostonly.errors import UsageError
from hostonly.registry.reference import Reference, parse
from hostonly.site import Site

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello-socket", Reference("hello-socket", "latest")),
        ("hello-socket:1.0", Reference("hello-socket", "1.0")),
        ("team/app_x:V-2", Reference("team/app_x", "V-2")),
        (f"app@{DIGEST}", Reference("app", DIGEST)),
        (f"app:1.0@{DIGEST}", Reference("app", DIGEST)),
        ("172.16.0.2:5000/app:1", Reference("app", "1")),
        ("localhost:5000/team/app", Reference("team/app", "latest")),
    ],
)
def test_what_people_type(text: str, expected: Reference, site: Site) -> None:
    assert parse(text, site) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "app:", "app@", "App", "a b", "../etc", "app:a b", "app:-x", "app:" + "x" * 129),
        *("app@sha256:12", "app@md5:" + "a" * 32, f"@{DIGEST}", "a//b", "/app", "app/", "a" * 300),
        *("docker.io/library/app", "localhost:5001/app", "172.16.0.3:5000/app", "localhost/app"),
        *("app;rm", "app\n", "app:1\n", f"app@{DIGEST}\n"),
    ],
)
def test_what_is_refused(text: str, site: Site) -> None:
    with pytest.raises(UsageError):
        parse(text, site)


def test_a_reference_is_written_as_it_is_read(site: Site) -> None:
    for text in ("app:latest", f"app@{DIGEST}"):
        assert str(parse(text, site)) == text
