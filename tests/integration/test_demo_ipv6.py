"""demo.ipv6 and demo.ipvlan on a real sandbox: as they should be, and with things made wrong."""

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
FORWARDING = ["sysctl", "-n", "net.ipv6.conf.all.forwarding"]


def demo(name: str, *flags: str) -> tuple[int, dict[str, Any]]:
    """Run a demo with --json: its exit code and its one document."""
    done = subprocess.run(
        [*INV, f"demo.{name}", "--json", *flags],
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
    """The sandbox is up: `sandbox.exec` does not bring it up itself."""
    subprocess.run([*INV, "sandbox.up"], cwd=ROOT, timeout=600, check=True)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container or network behind, nor the sandbox a router."""
    yield
    for name in ("ipv6", "ipvlan"):
        marked = ["--filter", f"label=hostonly.demo={name}"]
        assert sandbox("docker", "ps", "-aq", *marked) == ""
        assert sandbox("docker", "network", "ls", "-q", *marked) == ""
    assert sandbox(*FORWARDING).strip() == "0"


def test_a_dnat_rule_made_by_hand_is_named() -> None:
    rule = ["-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination", "[fd00::9]:80"]
    nat = ["sudo", "ip6tables", "-t", "nat"]
    sandbox(*nat, "-N", "BY-HAND")
    try:
        sandbox(*nat, "-A", "BY-HAND", *rule)
        code, document = demo("ipv6")
    finally:
        sandbox(*nat, "-F", "BY-HAND")
        sandbox(*nat, "-X", "BY-HAND")
    found = claims(document)
    assert (code, document["verdict"]) == (1, "FAILS")
    assert "fd00::9" in found["ipv6.published"]["because"]
    assert found["hello.host"]["verdict"] == "HOLDS"


def test_without_ipv6_on_eth1_the_host_is_skipped_and_the_reason_named() -> None:
    switch = "net.ipv6.conf.eth1.disable_ipv6"
    sandbox("sudo", "sysctl", "-w", f"{switch}=1")
    try:
        code, document = demo("ipv6")
    finally:
        sandbox("sudo", "sysctl", "-w", f"{switch}=0")
    found = claims(document)
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert found["hello.host"]["verdict"] == "SKIPPED"
    assert "eth1 has no IPv6 address" in found["hello.host"]["because"]
    assert found["hello.sandbox"]["verdict"] == "HOLDS"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*INV, "demo.ipv6"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("sandbox$ docker run"):
            process.send_signal(number)
            break
    lines.append(process.communicate(timeout=60)[0])
    assert process.returncode == 130, "".join(lines)


def test_ipvlan_is_tried_and_where_it_is_missing_the_module_is_named() -> None:
    code, document = demo("ipvlan")
    assert code == 0
    assert "type ipvlan" in document["steps"][0]["command"]
    if document["steps"][0]["exit"] != 0:
        assert document["verdict"] == "SKIPPED"
        for claim in document["claims"]:
            assert claim["verdict"] == "SKIPPED"
            assert "module ipvlan" in claim["because"] and claim["evidence"]
