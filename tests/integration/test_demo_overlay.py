"""demo.overlay on two real sandboxes: as it should be, with udp/4789 dropped, and interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
INV = [sys.executable, "-m", "hostonly"]
BOTH = ("sandbox", "sandbox2")
TOKEN = "SWMTKN-"


def demo(*flags: str) -> tuple[int, dict[str, Any]]:
    """Run demo.overlay --json: its exit code and its one document."""
    done = subprocess.run(
        [*INV, "demo.overlay", "--json", *flags],
        cwd=ROOT,
        capture_output=True,
        timeout=600,
        check=False,
        text=True,
    )
    assert TOKEN not in done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def on(machine: str, *argv: str) -> str:
    """Run a command on ``sandbox`` or ``sandbox2``; what it printed."""
    return subprocess.run(
        [*INV, "sandbox.exec", "--machine", machine, "--", *argv],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
        text=True,
    ).stdout


def claims(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The document's claims by their id."""
    return {claim["id"]: claim for claim in document["claims"]}


@contextmanager
def dropped(machine: str, chain: str) -> Iterator[None]:
    """VXLAN does not get through ``chain`` of ``machine``."""
    rule = [chain, "-p", "udp", "--dport", "4789", "-j", "DROP"]
    on(machine, "sudo", "iptables", "-I", *rule)
    try:
        yield
    finally:
        on(machine, "sudo", "iptables", "-D", *rule)


@pytest.fixture(autouse=True, scope="module")
def up() -> None:
    """Both are up: `sandbox.exec` does not bring them up itself."""
    for machine in BOTH:
        up = [*INV, "sandbox.up", "--machine", machine]
        subprocess.run(up, cwd=ROOT, timeout=600, check=True)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container, a network or a swarm behind, on either sandbox."""
    yield
    for machine in BOTH:
        for label in ("hostonly.demo", "com.docker.swarm.service.name"):
            assert on(machine, "docker", "ps", "-aq", "--filter", f"label={label}") == ""
        names = on(machine, "docker", "network", "ls", "--format", "{{.Name}}").split()
        assert sorted(names) == ["bridge", "host", "none"]
        state = on(machine, "docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
        assert state.strip() == "inactive"


def test_the_join_token_is_run_and_not_shown() -> None:
    _, document = demo()
    commands = [step["command"] for step in document["steps"]]
    assert any("docker swarm join --token ******** " in command for command in commands)
    told = next(s for s in document["steps"] if s["command"].startswith("docker swarm init"))
    assert "docker swarm join --token ********" in told["output"]


@pytest.mark.parametrize(
    ("machine", "chain", "says"),
    [
        ("sandbox", "OUTPUT", "no udp/4789 packet left"),
        ("sandbox2", "INPUT", "behind it does not answer"),
        ("sandbox", "INPUT", "behind it does not answer"),
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


def test_somebody_elses_swarm_is_left_alone() -> None:
    on("sandbox", "docker", "swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        code, document = demo()
        assert (code, document["verdict"]) == (3, "UNKNOWN")
        assert "docker_gwbridge already exists" in document["claims"][0]["because"]
        state = on("sandbox", "docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
        assert state.strip() == "active"
    finally:
        on("sandbox", "docker", "swarm", "leave", "--force")
        on("sandbox", "docker", "network", "rm", "docker_gwbridge")


STEPS = [
    "sandbox$ docker network create --label",
    "sandbox$ docker swarm init",
    "sandbox2$ docker swarm join",
    "sandbox$ docker network create -d overlay",
    "sandbox2$ docker run",
    "sandbox$ docker exec hello nc",
    "sandbox$ docker service create",
    "sandbox2$ docker swarm leave",
]


@pytest.mark.parametrize("at", STEPS)
def test_an_interrupted_demo_leaves_nothing(at: str) -> None:
    number = signal.SIGTERM if STEPS.index(at) % 2 else signal.SIGINT
    process = subprocess.Popen(
        [*INV, "demo.overlay"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(at):
            process.send_signal(number)
            break
    lines.append(process.communicate(timeout=90)[0])
    assert process.returncode == 130, "".join(lines)


def test_a_killed_demo_is_cleared_up_after_by_the_next() -> None:
    process = subprocess.Popen(
        [*INV, "demo.overlay"],
        cwd=ROOT,
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
