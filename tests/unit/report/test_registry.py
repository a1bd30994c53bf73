"""The registry's results as text and as documents."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hostonly.report import registry as report
from hostonly.results.registry import (
    Blob,
    Deletion,
    Inspection,
    RepositoryUsage,
    ServedImage,
    Usage,
)

CONFIG = Blob("sha256:c", "config", 1500, 1500)
LAYER = Blob("sha256:a", "layer", 21_370_310, 21_370_310)
IMAGE = ServedImage(
    "sha256:m", "linux/amd64", "2026-01-01", CONFIG, (LAYER,), ("sha256:u",), {"k": "v"}
)
WHOLE = Inspection("app:latest", "sha256:m", "type", ("latest",), (IMAGE,), True, ())
USAGE = Usage(
    (RepositoryUsage("app", ("latest",), ("sha256:old",), 2000),), 3000, 2000, 4096, 10**9
)


def test_an_image_that_is_whole() -> None:
    text = report.inspection_text(WHOLE)
    for word in ("app:latest", "sha256:m", "21.4 MB", "k=v", "every byte was read"):
        assert word in text
    assert "WRONG" not in text and "MISSING" not in text
    document = json.loads(report.inspection_json(WHOLE))
    assert (document["schema"], document["kind"]) == ("hostonly/1", "image")
    assert document["size"] == 21_371_810 and document["images"][0]["layers"][0]["stored"]


def test_what_is_wrong_is_shown_and_not_called_whole() -> None:
    gone = replace(IMAGE, layers=(replace(LAYER, stored=None),))
    text = report.inspection_text(
        replace(WHOLE, images=(gone,), problems=("layer 1 is not there",))
    )
    assert "MISSING" in text and "WRONG     layer 1 is not there" in text
    assert "every byte" not in text


def test_not_verified_is_not_called_verified() -> None:
    assert "every byte" not in report.inspection_text(replace(WHOLE, verified=False))


def test_what_an_image_says_of_itself_cannot_drive_the_terminal() -> None:
    evil = replace(IMAGE, labels={"title": "\x1b[2J"})
    assert "\x1b" not in report.inspection_text(replace(WHOLE, images=(evil,)))


def test_usage() -> None:
    text = report.usage_text(USAGE)
    assert "app  2.0 kB  tags: latest" in text and "app@sha256:old  has no tag" in text
    assert "3.0 kB in all, 1.0 kB of it in no tagged image; 4.1 kB on disk, 1.0 GB free" in text
    assert json.loads(report.usage_json(USAGE))["repositories"][0]["untagged"] == ["sha256:old"]


def test_a_deletion_and_lists() -> None:
    deletion = Deletion("app", "sha256:m", ("latest",), 999)
    assert report.deletion_text(deletion) == "deleted app@sha256:m (latest); freed 999 B"
    assert json.loads(report.deletion_json(deletion))["freed"] == 999
    tags = json.loads(report.names_json("tags", ["a"], repository="app"))
    assert tags["tags"] == ["a"] and tags["repository"] == "app"
    assert json.loads(report.names_json("catalog", []))["repositories"] == []


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (10**13, "10.0 TB")]
)
def test_sizes(count: int, text: str) -> None:
    assert report.size(count) == text
