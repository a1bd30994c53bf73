"""What a registry serves: the digest of real bytes, and manifests as the registry printed them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hostonly.facts import NotObserved, Observed, Unreadable
from hostonly.facts.http import read_answer
from hostonly.facts.served import (
    blobs_in,
    image_said,
    manifests_in,
    read_served,
    repositories_in,
    served,
    tags_in,
)
from hostonly.vantages import Host, Result

Captured = Callable[[str], str]


def result(exit: int, stdout: str, stderr: str = "") -> Result:
    return Result("host", "host", "bash -c 'curl | sha256sum'", exit, stdout, stderr, 0.0)


@pytest.mark.needs("curl")
def test_the_digest_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "blob").write_bytes(content)
    fact = read_served(Host().run(served(f"file://{tmp_path}/blob").argv))
    assert isinstance(fact, Observed)
    assert fact.value.digest == "sha256:" + hashlib.sha256(content).hexdigest()


def test_nothing_served_is_no_digest_of_nothing() -> None:
    # sha256sum of no byte at all is a fine digest: curl's status must win.
    of_nothing = hashlib.sha256(b"").hexdigest() + "  -\n"
    missing = "curl: (22) The requested URL returned error: 404\n"
    fact = read_served(result(22, of_nothing, missing))
    assert isinstance(fact, Observed)
    assert (fact.value.digest, str(fact.value)) == (None, missing.strip().removeprefix("curl: "))
    assert isinstance(read_served(result(127, of_nothing)), NotObserved)
    assert isinstance(read_served(result(0, "")), NotObserved)
    assert isinstance(read_served(result(124, "")), NotObserved)


def test_the_manifest_of_the_image(captured: Captured) -> None:
    fact = read_answer(result(0, captured("served/manifest.stdout")))
    assert isinstance(fact, Observed)
    blobs = blobs_in(fact.value.body)
    assert len(blobs) == 3
    assert all(len(blob) == len("sha256:") + 64 for blob in blobs)


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        "{}",
        '{"manifests": [{"digest": "sha256:00"}]}',
        '{"config": {"digest": "sha256:../../x"}, "layers": []}',
        '{"config": {"digest": 7}, "layers": []}',
        '{"config": null, "layers": []}',
    ],
)
def test_what_is_no_manifest_of_an_image(manifest: str) -> None:
    with pytest.raises(Unreadable):
        blobs_in(manifest)


def test_a_list_of_several_images() -> None:
    one, two = ("sha256:" + letter * 64 for letter in "ab")
    assert manifests_in(json.dumps({"manifests": [{"digest": one}, {"digest": two}]})) == (one, two)
    assert manifests_in('{"config": {}, "layers": []}') == ()
    for broken in ("", "[]", '{"manifests": [7]}', '{"manifests": [{"digest": "../x"}]}'):
        with pytest.raises(Unreadable):
            manifests_in(broken)


def test_what_a_configuration_says_of_its_image() -> None:
    labels = {"org.opencontainers.image.title": "hello", "org.opencontainers.image.version": "1.0"}
    inner = {"Labels": labels, "Entrypoint": ["sh", "-c"], "Cmd": ["sleep 1"]}
    said = image_said(json.dumps({"created": "2024-01-01T00:00:00Z", "config": inner}))
    assert said == "hello 1.0, made 2024-01-01T00:00:00Z, which starts `sh -c 'sleep 1'`"
    # As `docker import` leaves it.
    bare = image_said(
        '{"created": "2024-01-01T00:00:00Z", "config": {"Labels": null, "Cmd": null}}'
    )
    assert bare == "an image without a title, made 2024-01-01T00:00:00Z, which starts nothing"
    for broken in (
        "",
        "[]",
        '{"config": 7}',
        '{"config": {"Labels": [1]}}',
        '{"config": {"Cmd": 7}}',
    ):
        with pytest.raises(Unreadable):
            image_said(broken)


def test_catalogs() -> None:
    assert repositories_in('{"repositories": ["a", "b/c"]}') == ("a", "b/c")
    for catalog in ('{"repositories": null}', '{"repositories": [1]}', '{"errors": []}', "x"):
        with pytest.raises(Unreadable):
            repositories_in(catalog)


def test_the_tags() -> None:
    assert tags_in('{"name": "x", "tags": ["python", "latest"]}') == ("latest", "python")
    # What a registry says whose last tag was deleted.
    assert tags_in('{"name": "x", "tags": null}') == ()


@pytest.mark.parametrize(
    "listing", ["", "[]", "{}", '{"tags": "latest"}', '{"tags": [1]}', '{"tags": ["../x"]}']
)
def test_what_is_no_list_of_tags(listing: str) -> None:
    with pytest.raises(Unreadable):
        tags_in(listing)
