"""check.registry on a real sandbox: as it should be, and with the registry's data made wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from hostonly.site import Site
from tests.integration.command_line import answer, claims, did
from tests.integration.registry_box import BLOBS, REPOSITORIES, address, curl, inside, push_small

# The registry restarted, and answering again.
RESTARTED = (
    "systemctl restart docker-registry;"
    " port=$(sed -n s/HOSTONLY_REGISTRY_PORT=//p /etc/hostonly/sandbox.env);"
    " for i in $(seq 300); do curl -sf -m 5 localhost:$port/v2/ && exit; sleep .1; done; exit 1"
)


def check() -> tuple[int, dict[str, Any]]:
    """The check's exit code, and its claims by their ids."""
    code, document = answer("check.registry", timeout=120.0)
    assert (document["kind"], document["name"]) == ("check", "registry")
    return code, claims(document)


@pytest.fixture(autouse=True, scope="module")
def pushed() -> None:
    did("image.pull")


@pytest.fixture
def largest() -> Iterator[str]:
    """The file of the largest blob; whatever the test does to it is put right afterwards."""
    blob = inside(f"find {BLOBS} -name data -printf '%s %p\\n' | sort -n | tail -1").split()[1]
    inside(f"cp -p {blob} /var/tmp/test-blob")
    yield blob
    # Restarted: the registry keeps in memory what it knows of its blobs.
    inside(f"mv /var/tmp/test-blob {blob}; {RESTARTED}")


def test_all_is_served() -> None:
    code, claims = check()
    assert code == 0, claims
    assert {claim["verdict"] for claim in claims.values()} == {"HOLDS"}
    assert {"registry.catalog", "registry.blobs.host", "registry.blobs.sandbox"} <= set(claims)
    assert all(claim["evidence"] for claim in claims.values())


def test_a_layer_that_changed_on_the_disk(largest: str) -> None:
    inside(f"printf X | dd of={largest} bs=1 seek=1000 conv=notrunc status=none")
    code, claims = check()
    assert code == 1
    digest = "sha256:" + largest.split("/")[-2]
    for place in ("host", "sandbox"):
        assert claims[f"registry.blobs.{place}"]["verdict"] == "FAILS"
        assert f"{digest} gave sha256:" in claims[f"registry.blobs.{place}"]["because"]
        assert claims[f"registry.manifest.{place}"]["verdict"] == "HOLDS"


def test_a_layer_that_is_gone(largest: str) -> None:
    inside(f"rm {largest}; {RESTARTED}")
    code, claims = check()
    assert code == 1
    assert claims["registry.blobs.host"]["verdict"] == "FAILS"
    assert "404" in claims["registry.blobs.host"]["because"]


def test_nothing_pushed_under_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_IMAGE_NAME", "never-pushed")
    code, claims = check()
    # Nothing served wrongly is no proof of anything.
    assert code == 3
    assert "registry.pushed" not in claims
    assert claims["registry.blobs.host"]["verdict"] == "UNKNOWN"
    assert "./inv image.push" in claims["registry.blobs.host"]["because"]


DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def moved(site: Site) -> Iterator[str]:
    """The manifest's digest that was pushed as `latest`, which the test makes name something else. The next
    push notices that."""
    before = served(site, "latest")
    yield digest_of(before)
    inside(RESTARTED)
    did("image.push")
    assert check()[0] == 0
    # Where it was the same image, it stays under the manifest that it was given.
    put(site, DOCKER, before)
    did("image.push")


def digest_of(manifest: str) -> str:
    return "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()


def put(site: Site, kind: str, manifest: str) -> None:
    """Have `latest` name this manifest."""
    url = f"http://{address(site)}/v2/hello-socket/manifests/latest"
    header = ["-H", f"Content-Type: {kind}"]
    put = curl("-f", "-X", "PUT", *header, "--data-binary", manifest, url)
    assert put.returncode == 0, put.stderr


def served(site: Site, version: str) -> str:
    """A manifest as it is."""
    url = f"http://{address(site)}/v2/hello-socket/manifests/{version}"
    return curl("-f", "-H", f"Accept: {DOCKER}", url).stdout


def test_the_other_flavour_pushed_over_it_by_hand(site: Site, moved: str) -> None:
    did("image.push", "--flavour", "python")
    code, claims = check()
    assert code == 0, claims
    there = f"localhost:{site.registry_port}/hello-socket"
    inside(f"docker tag hello-socket:python {there}:latest; docker push -q {there}:latest")
    code, claims = check()
    failed = [claim["id"] for claim in claims.values() if claim["verdict"] == "FAILS"]
    assert (code, failed) == (1, ["registry.pushed"])
    because = claims["registry.pushed"]["because"]
    assert f"hello-socket:latest was pushed ({moved}), the tag now names another image" in because
    assert "(pushed from here as python: configuration sha256:" in because
    assert "hello-socket 1.0, made" in because and "python3" in because
    assert because.endswith("what was pushed is only served by its digest: ./inv image.push")
    # Pushed as both: with nothing else of it in the registry, and with the evidence of what it is.
    assert any(
        "/blobs/sha256:" in each["command"] for each in claims["registry.pushed"]["evidence"]
    )


def test_somebody_elses_image_pushed_over_it(site: Site, moved: str) -> None:
    push_small(site, "hello-socket:latest", "theirs")
    code, claims = check()
    because = claims["registry.pushed"]["because"]
    assert code == 1 and "(not what was last pushed from here: configuration" in because
    assert "an image without a title, made" in because


def test_another_manifest_of_the_same_image_is_that_image(site: Site, moved: str) -> None:
    """As an engine that keeps its images with containerd writes it."""
    same = {**json.loads(served(site, moved)), "mediaType": OCI}
    put(site, OCI, json.dumps(same))
    code, claims = check()
    because = claims["registry.pushed"]["because"]
    assert code == 0, claims
    assert f"another manifest of the image pushed as {moved}" in because


def test_a_list_of_images(site: Site, moved: str) -> None:
    ours = {"mediaType": DOCKER, "digest": moved, "size": len(served(site, moved).encode())}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [ours]}
    put(site, INDEX, json.dumps(index))
    _, claims = check()
    assert claims["registry.pushed"]["verdict"] == "HOLDS"
    assert (
        f"another manifest of the image pushed as {moved}" in claims["registry.pushed"]["because"]
    )
    # Blobs of several platforms are not fetched: that is not known, and no pass.
    assert claims["registry.blobs.host"]["verdict"] == "UNKNOWN"
    push_small(site, "hello-socket:theirs", "theirs")
    theirs = served(site, "theirs")
    other = {"mediaType": DOCKER, "digest": digest_of(theirs), "size": len(theirs.encode())}
    for manifests in ([other], [ours, other]):
        put(site, INDEX, json.dumps({**index, "manifests": manifests}))
        code, claims = check()
        assert code == 1
        assert f"a list of {len(manifests)} manifests" in claims["registry.pushed"]["because"]
    # And no push takes that for what it would push.
    did("image.push")
    assert moved in check()[1]["registry.manifest.host"]["because"]
    did("registry.delete", "hello-socket:theirs")


def test_a_tag_without_its_link_and_a_manifest_with_other_bytes(moved: str) -> None:
    inside(f"rm -r {REPOSITORIES}/hello-socket/_manifests/tags/latest; {RESTARTED}")
    code, claims = check()
    because = claims["registry.pushed"]["because"]
    assert code == 1 and "the tag gives nothing, since it is gone" in because
    assert because.endswith("what was pushed is only served by its digest: ./inv image.push")
    did("image.push")
    name = moved.removeprefix("sha256:")
    data = f"{BLOBS}/{name[:2]}/{name}/data"
    inside(f"cp -p {data} /var/tmp/manifest; echo >>{data}; {RESTARTED}")
    try:
        code, claims = check()
    finally:
        inside(f"mv /var/tmp/manifest {data}; {RESTARTED}")
    assert (code, claims["registry.pushed"]["verdict"]) == (1, "FAILS")
    assert "its manifest has other bytes now (sha256:" in claims["registry.pushed"]["because"]


def test_a_build_after_the_push_is_no_push(site: Site, moved: str) -> None:
    """What was built since is not there, and nobody said that it was."""
    built = site.state / "image" / "built-sandbox-java.json"
    before = built.read_text()
    built.write_text(json.dumps({**json.loads(before), "manifest": None, "config": "sha256:0"}))
    try:
        code, claims = check()
    finally:
        built.write_text(before)
    assert code == 0 and moved in claims["registry.pushed"]["because"]


def test_all_is_lost_and_another_flavour_is_pushed() -> None:
    """Last, since what was pushed before is gone afterwards."""
    inside(f"systemctl stop docker-registry; rm -r /var/lib/docker-registry/docker; {RESTARTED}")
    code, claims = check()
    assert code == 1
    because = claims["registry.pushed"]["because"]
    assert "hello-socket:latest was pushed (sha256:" in because
    assert because.split("; ")[0].endswith("what was pushed is no longer served: ./inv image.push")
    # Pushed by the tests before this one.
    assert because.endswith(
        "what was pushed is no longer served: ./inv image.push --flavour python"
    )
    did("image.push")
    assert check()[0] == 1
    did("image.push", "--flavour", "python")
    code, claims = check()
    assert code == 0, claims
    assert "python: sha256:" in claims["registry.manifest.host"]["because"]
    # The one alone, pushed rightly; the other is missed, and named.
    did("registry.delete", "hello-socket:latest")
    code, claims = check()
    failed = [claim["id"] for claim in claims.values() if claim["verdict"] == "FAILS"]
    assert (code, failed) == (1, ["registry.pushed"])
    assert "hello-socket:latest was pushed" in claims["registry.pushed"]["because"]
    did("image.push")
