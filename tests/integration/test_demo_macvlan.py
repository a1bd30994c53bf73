"""demo.macvlan on two real sandboxes: as it should be, with things made wrong, and interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
INV = [sys.executable, "-m", "hostonly"]


def demo(*flags: str) -> tuple[int, dict[str, Any]]:
    """Run demo.macvlan --json: its exit code and its one document."""
    done = subprocess.run(
        [*INV, "demo.macvlan", "--json", *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=600,
        check=False,
        text=True,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def sandbox(*argv: str) -> str:
    """Run a command in the sandbox; what it printed."""
    return subprocess.run(
        [*INV, "sandbox.exec", "--", *argv],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
        text=True,
    ).stdout


def claims(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The document's claims by their id."""
    return {claim["id"]: claim for claim in document["claims"]}


@pytest.fixture(autouse=True, scope="module")
def up() -> None:
    """Both are up: `sandbox.exec` does not bring them up itself."""
    for machine in ("sandbox", "sandbox2"):
        up = [*INV, "sandbox.up", "--machine", machine]
        subprocess.run(up, cwd=ROOT, timeout=600, check=True)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container, a network or a link of the demo's behind."""
    yield
    marked = ["--filter", "label=hostonly.demo=macvlan"]
    assert sandbox("docker", "ps", "-aq", *marked) == ""
    assert sandbox("docker", "network", "ls", "-q", *marked) == ""
    assert "hostonly-shim" not in sandbox("ip", "link")


def test_a_shim_that_is_there_already_is_removed_first() -> None:
    link = ["type", "macvlan", "mode", "bridge"]
    sandbox("sudo", "ip", "link", "add", "hostonly-shim", "link", "eth1", *link)
    code, document = demo()
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert document["steps"][0]["command"] == "sudo ip link delete hostonly-shim"


def test_silence_without_a_control_is_no_proof() -> None:
    rule = ["OUTPUT", "-o", "eth1", "-p", "tcp", "--dport", "22", "-j", "DROP"]
    sandbox("sudo", "iptables", "-A", *rule)
    try:
        code, document = demo()
    finally:
        sandbox("sudo", "iptables", "-D", *rule)
    found = claims(document)
    assert (code, document["verdict"]) == (3, "UNKNOWN")
    assert found["unreachable.sandbox"]["verdict"] == "UNKNOWN"
    assert "control" in found["unreachable.sandbox"]["because"]
    assert found["shim.reaches"]["verdict"] == "HOLDS"


def test_a_shim_made_by_hand_is_noticed() -> None:
    _, document = demo()
    prefix = document["sandbox"]["address"].rpartition(".")[0]
    link = ["link", "eth1", "type", "macvlan", "mode", "bridge"]
    sandbox("sudo", "ip", "link", "add", "by-hand", *link)
    try:
        sandbox("sudo", "ip", "addr", "add", f"{prefix}.200/32", "dev", "by-hand")
        sandbox("sudo", "ip", "link", "set", "by-hand", "up")
        sandbox("sudo", "ip", "route", "add", f"{prefix}.254/32", "dev", "by-hand")
        code, document = demo()
    finally:
        sandbox("sudo", "ip", "link", "delete", "by-hand")
    found = claims(document)
    assert (code, document["verdict"]) == (1, "FAILS")
    assert found["unreachable.sandbox"]["verdict"] == "FAILS"
    assert "Hello macvlan!" in found["unreachable.sandbox"]["because"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", ["docker run", "sudo ip link add", "sudo ip route add"])
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals, at: str) -> None:
    process = subprocess.Popen(
        [*INV, "demo.macvlan"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"sandbox$ {at}"):
            process.send_signal(number)
            break
    process.communicate(timeout=60)
    assert process.returncode == 130
