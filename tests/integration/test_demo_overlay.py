"""demo.overlay on two real sandboxes: as it should be, with udp/4789 dropped, and interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.command_line import (
    COPY,
    INV,
    answer,
    claims,
    inside,
    interrupted,
    inv,
    up,
    without_br_netfilter,
    wrong,
)

BOTH = ("sandbox", "sandbox2")
TOKEN = "SWMTKN-"


def demo(*flags: str) -> tuple[int, dict[str, Any]]:
    """Run demo.overlay --json: its exit code and its one document, which tells no token."""
    code, document = answer("demo.overlay", *flags)
    assert TOKEN not in json.dumps(document)
    return code, document


@contextmanager
def dropped(machine: str, chain: str) -> Iterator[None]:
    """VXLAN does not get through ``chain`` of ``machine``."""
    rule = [chain, "-p", "udp", "--dport", "4789", "-j", "DROP"]
    with wrong(machine, ["sudo", "iptables", "-I", *rule], ["sudo", "iptables", "-D", *rule]):
        yield


@pytest.fixture(autouse=True, scope="module")
def both_up() -> None:
    up(*BOTH)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container, a network or a swarm behind, on either sandbox."""
    yield
    for machine in BOTH:
        for label in ("hostonly.demo", "com.docker.swarm.service.name"):
            assert inside(machine, "docker", "ps", "-aq", "--filter", f"label={label}") == ""
        names = inside(machine, "docker", "network", "ls", "--format", "{{.Name}}").split()
        assert sorted(names) == ["bridge", "host", "none"]
        state = inside(machine, "docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
        assert state.strip() == "inactive"


@pytest.mark.parametrize(
    ("machine", "chain", "says"),
    [
        ("sandbox2", "INPUT", "behind it does not answer"),
        pytest.param("sandbox", "INPUT", "behind it does not answer", marks=pytest.mark.long),
        pytest.param("sandbox", "OUTPUT", "no udp/4789 packet left", marks=pytest.mark.long),
    ],
)
def test_vxlan_dropped_is_named(machine: str, chain: str, says: str) -> None:
    with dropped(machine, chain):
        code, document = demo()
    found = claims(document)
    assert (code, document["verdict"]) == (1, "FAILS")
    assert found["vxlan.path"]["verdict"] == "FAILS"
    assert "udp/4789" in found["vxlan.path"]["because"]
    assert says in found["vxlan.path"]["because"]
    assert found["hello.neighbour"]["verdict"] == "FAILS"
    # Names travel another way, and what is published is not VXLAN.
    assert found["name.neighbour"]["verdict"] == found["service.host"]["verdict"] == "HOLDS"
    assert found["swarm.gone.sandbox"]["verdict"] == "HOLDS"
    # The token is run and not shown.
    steps = {step["command"]: step["output"] for step in document["steps"]}
    assert any("docker swarm join --token ******** " in command for command in steps)
    (told,) = (output for command, output in steps.items() if "docker swarm init" in command)
    assert "docker swarm join --token ********" in told


def test_a_kernel_without_br_netfilter_is_known_before_it_begins() -> None:
    create = (
        "docker",
        "network",
        "create",
        "-o",
        "com.docker.network.bridge.enable_icc=false",
        "x",
    )
    with without_br_netfilter():
        refused = inv("sandbox.exec", "--", *create)
        assert "please ensure that br_netfilter kernel module is loaded" in refused.stderr
        code, document = demo()
    assert (code, document["verdict"], document["steps"]) == (0, "SKIPPED", [])
    (claim,) = document["claims"]
    assert claim["because"].startswith("this kernel has no br_netfilter")
    assert "bridge-nf-call-iptables" in claim["evidence"][0]["command"]


def test_somebody_elses_swarm_is_left_alone() -> None:
    inside("sandbox", "docker", "swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        code, document = demo()
        assert (code, document["verdict"]) == (3, "UNKNOWN")
        assert (
            "the sandbox is in a swarm that no demo made (active)"
            in document["claims"][0]["because"]
        )
        state = inside("sandbox", "docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
        assert state.strip() == "active"
    finally:
        inside("sandbox", "docker", "swarm", "leave", "--force")
        inside("sandbox", "docker", "network", "rm", "docker_gwbridge")


# The others of its steps are among the long tests' (test_demos_wrong.py), which take every one.
STEPS = ["sandbox$ docker swarm init", "sandbox$ docker service create"]


@pytest.mark.parametrize("at", STEPS)
def test_an_interrupted_demo_leaves_nothing(at: str) -> None:
    number = signal.SIGTERM if STEPS.index(at) % 2 else signal.SIGINT
    interrupted("demo.overlay", at, number)


def test_a_port_of_the_swarm_that_is_held_is_named() -> None:
    inside("sandbox2", "sh", "-c", "nc -l 7946 >/dev/null 2>&1 & echo $! >/tmp/held")
    try:
        listens = "for i in $(seq 300); do ss -Hltn sport = :7946 | grep -q . && exit; sleep .1; done; exit 1"
        inside("sandbox2", "sh", "-c", listens)
        code, document = demo()
        assert (code, document["verdict"]) == (3, "UNKNOWN")
        because = document["claims"][0]["because"]
        assert "port 7946 on the sandbox2 is held by nc" in because
    finally:
        inside("sandbox2", "sh", "-c", "kill $(cat /tmp/held); rm /tmp/held")


def test_a_killed_demo_is_cleared_up_after_by_the_next() -> None:
    process = subprocess.Popen(
        [*INV, "demo.overlay"],
        cwd=COPY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("sandbox$ docker exec hello nc"):
            process.kill()
            break
    process.communicate(timeout=60)
    code, document = demo()
    assert (code, document["verdict"]) == (0, "HOLDS")
    commands = [step["command"] for step in document["steps"][:6]]
    assert "docker swarm leave --force" in commands
