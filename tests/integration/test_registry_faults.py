"""The registry restarted, killed in mid-push, out of room, halted: nothing half-visible, nothing lost."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hostonly.events import ignore
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.waiting import until
from tests.integration.command_line import COPY, INV, did, inv
from tests.integration.held import stalled
from tests.integration.registry_box import (
    FOLDER,
    REPOSITORIES,
    catalog,
    document,
    inside,
)

# Random, so that no packing makes it small; enough for a push to take about a second.
BIG_BYTES = 60_000_000


@pytest.fixture(scope="module", autouse=True)
def pushed() -> None:
    """The image is pushed, and nothing else: with another tag its repository would stay."""
    did("image.push")
    for name in catalog():
        for tag in document("registry.tags", "--repository", name)["tags"]:
            if f"{name}:{tag}" != "hello-socket:latest":
                did("registry.delete", f"{name}:{tag}")


@pytest.fixture
def machine(site: Site) -> Machine:
    return Machine(site, ignore)


@pytest.fixture
def big(site: Site) -> Iterator[str]:
    """The name of a large image on the sandbox's engine, not pushed yet."""
    name = f"localhost:{site.registry_port}/big"
    inside(
        f"d=$(mktemp -d); cd $d; head -c {BIG_BYTES} /dev/urandom >big;"
        f" tar -c big | docker import - {name}; rm -r $d"
    )
    yield name
    inside(f"docker image rm -f {name}")
    if "big" in catalog():
        did("registry.delete", "big")


def pushing(name: str) -> subprocess.Popen[str]:
    """``docker push`` in the sandbox, going on."""
    return subprocess.Popen(
        [*INV, "sandbox.exec", "--", "docker", "push", name],
        cwd=COPY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


WATCHER = "/run/hostonly-test-watcher"
# Shell: goes on when some megabytes of a layer have come; status 1 where none did.
UPLOAD = (
    "there() { find "
    + REPOSITORIES
    + " -path '*/_uploads/*/data' -size +1M 2>/dev/null | grep -q .; };"
    " for i in $(seq 3000); do there && break; sleep .02; done; there"
)
# Shell: returns when nobody pushes any more, neither client nor engine.
PUSHED = (
    "for i in $(seq 600); do pgrep -fx 'docker push .*' >/dev/null ||"
    f" find {REPOSITORIES} -path '*/_uploads/*/data' -newermt '-3 seconds' 2>/dev/null | grep -q . ||"
    " exit 0; sleep .2; done; exit 1"
)


def restarts() -> int:
    """How often systemd has started the registry again by itself."""
    return int(inside("systemctl show -P NRestarts docker-registry"))


@contextmanager
def watched(then: str) -> Iterator[subprocess.Popen[str]]:
    """A watcher in the sandbox, there before the context begins, that runs the shell line ``then`` as
    soon as an upload is going on."""
    watcher = subprocess.Popen(
        [
            *INV,
            "sandbox.exec",
            "--",
            "sudo",
            "bash",
            "-ec",
            f"echo $$ >{WATCHER}; echo here; {UPLOAD}; {then}",
        ],
        cwd=COPY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watcher.stdout is not None and watcher.stdout.readline() == "here\n"
        yield watcher
    finally:
        watcher.kill()
        watcher.wait()
        # Its shell in the sandbox does not end with it, and is not to see the next test's upload.
        inside(f"kill $(cat {WATCHER}) 2>/dev/null || :")


@pytest.mark.parametrize("sent", ["KILL", "TERM"])
def test_killed_in_mid_push_the_push_is_done_again(machine: Machine, big: str, sent: str) -> None:
    before = restarts()
    with watched(f"systemctl kill -s {sent} docker-registry; echo killed") as watcher:
        with stalled(machine):
            push = pushing(big)
            assert watcher.communicate(timeout=120)[0] == "killed\n"
        said, _ = push.communicate(timeout=300)
        assert push.returncode == 0, said
    assert until(lambda: restarts() != before, bool, 60.0)
    did("registry.up")
    assert document("registry.inspect", "big", "--verify")["problems"] == []


def test_a_push_that_was_ended_leaves_nothing_to_be_seen(machine: Machine, big: str) -> None:
    with stalled(machine), watched("echo going on") as watcher:
        push = pushing(big)
        try:
            assert watcher.communicate(timeout=120)[0] == "going on\n"
        finally:
            push.terminate()
    # Its `docker push` in the sandbox has no terminal that would tell it.
    push.communicate(timeout=60)
    inside(PUSHED, timeout=300)
    # Where the engine went on without its client, the image is whole; else there is none.
    if "big" in catalog() and document("registry.tags", "--repository", "big")["tags"]:
        assert document("registry.inspect", "big", "--verify")["problems"] == []
    else:
        did("registry.collect")
        assert "big" not in catalog()


def test_an_engine_that_dies_in_mid_push_is_told_and_nothing_is_seen(
    site: Site, machine: Machine
) -> None:
    name = site.image.name
    did("registry.delete", name)
    with stalled(machine), watched("systemctl kill -s KILL docker; echo killed") as watcher:
        broken = inv("image.push")
        assert watcher.communicate(timeout=60)[0] == "killed\n"
        # What the dead engine's kernel still sends comes as soon as it can, and may end a layer's upload.
        assert name not in catalog()
    assert broken.returncode == 3 and "bug in hostonly" not in broken.stderr
    assert "docker push" in broken.stderr and "broke off" in broken.stderr
    inside("timeout 60 sh -c 'until docker info >/dev/null 2>&1; do sleep .2; done'")
    did("image.push")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_push_leaves_nothing_to_be_seen(
    site: Site, machine: Machine, number: signal.Signals
) -> None:
    name = site.image.name
    did("registry.delete", name)
    with stalled(machine), watched("echo going on") as watcher:
        push = subprocess.Popen([*INV, "image.push"], cwd=COPY, stderr=subprocess.DEVNULL)
        assert watcher.communicate(timeout=120)[0] == "going on\n"
        push.send_signal(number)
        assert push.wait(timeout=120) == 130
    # Where the engine was done already, the image is whole.
    if name in catalog():
        assert document("registry.inspect", name, "--verify")["problems"] == []
    did("image.push")


def test_a_full_disk_is_named_and_nothing_of_it_is_seen(site: Site) -> None:
    inside(
        f"systemctl stop docker-registry; mount -t tmpfs -o size=4m,mode=0750 none {FOLDER};"
        f" chown docker-registry: {FOLDER}; systemctl start docker-registry"
    )
    try:
        did("registry.up")
        start = time.monotonic()
        full = inv("image.push")
        assert full.returncode == 3
        assert "the sandbox's disk is full" in full.stderr and FOLDER in full.stderr
        # Not after the engine's five attempts, which take more than a minute.
        assert time.monotonic() - start < 75
        assert catalog() == []
    finally:
        inside(f"systemctl stop docker-registry; umount {FOLDER}; systemctl start docker-registry")
        did("registry.up")
    assert catalog() == [site.image.name]


def test_a_restart_is_waited_for(site: Site) -> None:
    line = (
        # Not before somebody waits for it.
        "systemctl stop docker-registry;"
        f" (until ss -Htn sport = :{site.registry_port} | grep -q .; do sleep .1; done;"
        " systemctl start docker-registry) &"
        f" curl -sSf -m 10 localhost:{site.registry_port}/v2/_catalog; wait"
    )
    assert site.image.name in inside(line)


@pytest.mark.long
def test_a_push_that_goes_on_is_not_collected_away() -> None:
    upload = f"{REPOSITORIES}/busy/_uploads/test"
    inside(
        f"mkdir -p {upload}; (for i in $(seq 240); do date >{upload}/data; sleep .5; done) >&- 2>&- &"
    )
    try:
        refused = inv("registry.collect")
        assert refused.returncode == 3 and "pushing to busy just now" in refused.stderr
        assert inside(f"ls {upload}").split() == ["data"]
    finally:
        inside(f"rm -rf {REPOSITORIES}/busy")


@pytest.mark.long
def test_images_survive_halt_and_up(site: Site) -> None:
    before = document("registry.inspect", site.image.name)
    did("sandbox.halt")
    did("sandbox.up")
    after = document("registry.inspect", site.image.name, "--verify")
    assert after["digest"] == before["digest"] and after["problems"] == []
