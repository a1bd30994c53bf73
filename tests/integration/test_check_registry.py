"""check.registry on a real sandbox: as it should be, and with the registry's data made wrong."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.command_line import INV, ROOT, answer, claims

# The registry restarted, and answering again.
RESTARTED = (
    "systemctl restart docker-registry;"
    " port=$(sed -n s/HOSTONLY_REGISTRY_PORT=//p /etc/hostonly/sandbox.env);"
    " for i in $(seq 300); do curl -sf -m 5 localhost:$port/v2/ && exit; sleep .1; done; exit 1"
)
STORE = "/var/lib/docker-registry/docker/registry/v2/blobs/sha256"


def run(argv: list[str]) -> str:
    """Run a command; what it printed on standard output."""
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, timeout=600, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def root(line: str) -> str:
    """Run a shell line as root in the sandbox."""
    return run([*INV, "sandbox.exec", "--", "sudo", "bash", "-ec", line])


def check() -> tuple[int, dict[str, Any]]:
    """The check's exit code, and its claims by their ids."""
    code, document = answer("check.registry", timeout=120.0)
    assert (document["kind"], document["name"]) == ("check", "registry")
    return code, claims(document)


@pytest.fixture(autouse=True, scope="module")
def pushed() -> None:
    run([*INV, "image.pull"])


@pytest.fixture
def largest() -> Iterator[str]:
    """The file of the largest blob; whatever the test does to it is put right afterwards."""
    blob = root(f"find {STORE} -name data -printf '%s %p\\n' | sort -n | tail -1").split()[1]
    root(f"cp -p {blob} /var/tmp/test-blob")
    yield blob
    # Restarted: the registry keeps in memory what it knows of its blobs.
    root(f"mv /var/tmp/test-blob {blob}; {RESTARTED}")


def test_all_is_served() -> None:
    code, claims = check()
    assert code == 0, claims
    assert {claim["verdict"] for claim in claims.values()} == {"HOLDS"}
    assert {"registry.catalog", "registry.blobs.host", "registry.blobs.sandbox"} <= set(claims)
    assert all(claim["evidence"] for claim in claims.values())


def test_a_layer_that_changed_on_the_disk(largest: str) -> None:
    root(f"printf X | dd of={largest} bs=1 seek=1000 conv=notrunc status=none")
    code, claims = check()
    assert code == 1
    digest = "sha256:" + largest.split("/")[-2]
    for place in ("host", "sandbox"):
        assert claims[f"registry.blobs.{place}"]["verdict"] == "FAILS"
        assert f"{digest} gave sha256:" in claims[f"registry.blobs.{place}"]["because"]
        assert claims[f"registry.manifest.{place}"]["verdict"] == "HOLDS"


def test_a_layer_that_is_gone(largest: str) -> None:
    root(f"rm {largest}; {RESTARTED}")
    code, claims = check()
    assert code == 1
    assert claims["registry.blobs.host"]["verdict"] == "FAILS"
    assert "404" in claims["registry.blobs.host"]["because"]


def test_nothing_pushed_under_that_name() -> None:
    from os import environ

    done = subprocess.run(
        [*INV, "check.registry", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=120,
        check=False,
        text=True,
        env={**environ, "INVOKE_IMAGE_NAME": "never-pushed"},
    )
    claims = {claim["id"]: claim for claim in json.loads(done.stdout)["claims"]}
    # Nothing served wrongly is no proof of anything.
    assert done.returncode == 3
    assert "registry.pushed" not in claims
    assert claims["registry.blobs.host"]["verdict"] == "UNKNOWN"
    assert "./inv image.push" in claims["registry.blobs.host"]["because"]


def test_all_is_lost_and_another_flavour_is_pushed() -> None:
    """Last, since what was pushed before is gone afterwards."""
    root(f"systemctl stop docker-registry; rm -r /var/lib/docker-registry/docker; {RESTARTED}")
    code, claims = check()
    assert code == 1
    because = claims["registry.pushed"]["because"]
    assert "hello-socket:latest was pushed (sha256:" in because
    assert because.endswith("is no longer served: ./inv image.push")
    run([*INV, "image.push"])
    assert check()[0] == 0
    run([*INV, "image.push", "--flavour", "python"])
    code, claims = check()
    assert code == 0, claims
    assert "python: sha256:" in claims["registry.manifest.host"]["because"]
    # The one alone, pushed rightly; the other is missed, and named.
    run([*INV, "registry.delete", "hello-socket:latest"])
    code, claims = check()
    failed = [claim["id"] for claim in claims.values() if claim["verdict"] == "FAILS"]
    assert (code, failed) == (1, ["registry.pushed"])
    assert "hello-socket:latest was pushed" in claims["registry.pushed"]["because"]
    run([*INV, "image.push"])
