"""demo.macvlan on two real sandboxes: as it should be, with things made wrong, and interrupted."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.integration.command_line import (
    answer,
    claims,
    inside,
    interrupted,
    left_by,
    up,
    wrong,
)


@pytest.fixture(autouse=True, scope="module")
def both_up() -> None:
    """Both are up."""
    up("sandbox", "sandbox2")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container, a network or a link of the demo's behind."""
    yield
    assert left_by("sandbox", "macvlan") == ""
    assert "hostonly-shim" not in inside("sandbox", "ip", "link")


def test_a_shim_that_is_there_already_is_removed_first() -> None:
    link = ["type", "macvlan", "mode", "bridge"]
    inside("sandbox", "sudo", "ip", "link", "add", "hostonly-shim", "link", "eth1", *link)
    code, document = answer("demo.macvlan")
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert document["steps"][0]["command"] == "sudo ip link delete hostonly-shim"


def test_silence_without_a_control_is_no_proof() -> None:
    rule = ["OUTPUT", "-o", "eth1", "-p", "tcp", "--dport", "22", "-j", "DROP"]
    table = ["sudo", "iptables"]
    with wrong("sandbox", [*table, "-A", *rule], [*table, "-D", *rule]):
        code, document = answer("demo.macvlan")
    found = claims(document)
    assert (code, document["verdict"]) == (3, "UNKNOWN")
    assert found["unreachable.sandbox"]["verdict"] == "UNKNOWN"
    assert "control" in found["unreachable.sandbox"]["because"]
    assert found["shim.reaches"]["verdict"] == "HOLDS"


def test_a_shim_made_by_hand_is_noticed() -> None:
    _, document = answer("demo.macvlan")
    prefix = document["sandbox"]["address"].rpartition(".")[0]
    link = ["link", "eth1", "type", "macvlan", "mode", "bridge"]
    inside("sandbox", "sudo", "ip", "link", "add", "by-hand", *link)
    try:
        inside("sandbox", "sudo", "ip", "addr", "add", f"{prefix}.200/32", "dev", "by-hand")
        inside("sandbox", "sudo", "ip", "link", "set", "by-hand", "up")
        inside("sandbox", "sudo", "ip", "route", "add", f"{prefix}.254/32", "dev", "by-hand")
        code, document = answer("demo.macvlan")
    finally:
        inside("sandbox", "sudo", "ip", "link", "delete", "by-hand")
    found = claims(document)
    assert (code, document["verdict"]) == (1, "FAILS")
    assert found["unreachable.sandbox"]["verdict"] == "FAILS"
    assert "Hello macvlan!" in found["unreachable.sandbox"]["because"]


# The other way round, and at the other steps: among the long tests (test_demos_wrong.py).
@pytest.mark.parametrize(
    ("number", "at"),
    [
        (signal.SIGINT, "docker run"),
        (signal.SIGTERM, "sudo ip link add"),
        (signal.SIGINT, "sudo ip route add"),
    ],
)
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals, at: str) -> None:
    interrupted("demo.macvlan", f"sandbox$ {at}", number)
