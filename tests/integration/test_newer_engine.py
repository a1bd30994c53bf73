"""A newer engine in the sandboxes: Debian 13's Docker, which keeps its images with containerd.

The rest of the sandbox stays Debian 12. What holds on the older engine, which keeps images by a
graph driver and which all other tests use, must hold on this one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.command_line import answer, claims, inside, inv, told, up
from tests.integration.host_engine import host_engine

pytestmark = pytest.mark.long

MACHINES = ("sandbox", "sandbox2")
UPGRADE = """
echo 'deb http://deb.debian.org/debian trixie main' >/etc/apt/sources.list.d/trixie.list
echo 'APT::Default-Release "bookworm";' >/etc/apt/apt.conf.d/99release
echo 'Acquire::Retries "5";' >/etc/apt/apt.conf.d/99retries
apt-get update --quiet
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends \
    --target-release trixie docker.io docker-cli
sed -i 's/"storage-driver": "overlay2"/"features": {"containerd-snapshotter": true}/' \
    /etc/docker/daemon.json
systemctl restart docker
docker info --format '{{json .DriverStatus}}'
"""


@pytest.fixture(autouse=True, scope="module")
def newer_engine() -> Iterator[None]:
    """Both sandboxes have it; afterwards they are made anew."""
    up(*MACHINES)
    try:
        for machine in MACHINES:
            where = ("sandbox.exec", "--machine", machine)
            done = inv(*where, "--", "sudo", "bash", "-ec", UPGRADE)
            assert "io.containerd.snapshotter" in done.stdout, done.stdout + done.stderr
        yield
    finally:
        done = inv("sandbox.destroy")
    assert done.returncode == 0, done.stderr
    up("sandbox")


@pytest.mark.parametrize("flavour", ["java", "python"])
def test_an_image_is_built_pushed_and_pulled(flavour: str) -> None:
    for task in ("image.build", "image.push", "image.pull"):
        done = inv(task, "--flavour", flavour)
        assert done.returncode == 0, done.stderr
    again = inv("image.push", "--flavour", flavour)
    assert "is pushed and unchanged" in again.stdout + again.stderr
    tag = {"java": "latest", "python": "python"}[flavour]
    code, inspected = answer("registry.inspect", f"hello-socket:{tag}", "--verify")
    assert (code, inspected["problems"]) == (0, [])


@pytest.mark.parametrize("flavour", ["java", "python"])
def test_it_and_an_engine_with_a_graph_driver_know_each_others_push(
    flavour: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = {"java": "latest", "python": "python"}[flavour]
    which, unchanged = ("--flavour", flavour), "is pushed and unchanged"

    def digest() -> str:
        code, found = answer("registry.inspect", f"hello-socket:{tag}", "--verify")
        assert (code, found["problems"]) == (0, [])
        return str(found["digest"])

    folder = tmp_path_factory.mktemp("engine")
    with host_engine(folder) as engine:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
        monkeypatch.setenv("DOCKER_CONFIG", str(folder / "config"))
        told("registry.trust", "--yes")
        try:
            told("image.push", *which)
            by_containerd = digest()
            for _ in range(2):
                assert unchanged in told("image.push", "--from", "host", *which)
            assert digest() == by_containerd
            engine.docker("image", "rm", "-f", *engine.docker("image", "ls", "-aq").stdout.split())
            assert "and 2 of its 2 layers with it" in told("image.pull", "--to", "host", *which)

            told("registry.delete", f"hello-socket:{tag}")
            told("image.push", "--from", "host", *which)
            by_graph_driver = digest()
            for _ in range(2):
                assert unchanged in told("image.push", *which)
            assert digest() == by_graph_driver
            inside("sandbox", "sh", "-c", "docker image ls -aq | sort -u | xargs docker rmi -f")
            assert "and 2 of its 2 layers with it" in told("image.pull", *which)
            assert unchanged in told("image.push", *which)
            assert digest() == by_graph_driver
        finally:
            told("registry.trust", "--remove")


def test_the_registry_serves_what_was_pushed() -> None:
    code, document = answer("check.registry")
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert {claim["verdict"] for claim in claims(document).values()} <= {"HOLDS", "SKIPPED"}


def test_every_demo_holds() -> None:
    code, document = answer("demo.all")
    assert (code, document["verdict"]) == (0, "HOLDS")
    engines = {demo["sandbox"]["engine"] for demo in document["demos"]}
    assert {engine.partition(".")[0] for engine in engines} == {"26"}


def test_who_reaches_whom_is_as_expected() -> None:
    code, document = answer("check.matrix", timeout=900.0)
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert document["engine"].startswith("26.")
