"""An image as it is shown: what was not observed is neither yes nor no."""

from __future__ import annotations

import json

from hostonly.report.image import as_json, as_text
from hostonly.results.image import ImageView, Layer, Presence

VIEW = ImageView(
    "hello-socket:latest",
    "java",
    "sha256:c",
    41_800_000,
    (Layer("sha256:a", 41_700_000, "FROM base"), Layer("sha256:b", None, "packer build")),
    {"org.opencontainers.image.version": "1.0"},
    "10001:10001",
    ("8080/tcp",),
    ("java", "-jar", "/opt/hello-socket.jar"),
    None,
    (
        Presence("sandbox engine", True, "c as hello-socket:latest"),
        Presence("host engine", None, "does not answer"),
        Presence("registry", False, "was not pushed"),
    ),
)


def test_as_text() -> None:
    lines = as_text(VIEW).splitlines()
    assert lines[0] == "hello-socket:latest (java), 41.8 MB, sha256:c"
    assert lines[1].startswith("runs as 10001:10001, exposes 8080/tcp: java -jar")
    assert "41.7 MB" in lines[2] and "?" in lines[3]
    assert lines[-3:] == [
        "sandbox engine: yes: c as hello-socket:latest",
        "host engine: not observed: does not answer",
        "registry: no: was not pushed",
    ]


def test_as_json() -> None:
    document = json.loads(as_json(VIEW))
    assert (document["schema"], document["kind"]) == ("hostonly/1", "image")
    assert [each["present"] for each in document["present"]] == [True, None, False]
