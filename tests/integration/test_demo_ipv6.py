"""demo.ipv6 and demo.ipvlan on a real sandbox: as they should be, and with things made wrong."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.integration.command_line import (
    answer,
    claims,
    dnat_by_hand,
    inside,
    interrupted,
    left_by,
    up,
    wrong,
)

FORWARDING = ["sysctl", "-n", "net.ipv6.conf.all.forwarding"]


@pytest.fixture(autouse=True, scope="module")
def sandbox_up() -> None:
    """The sandbox is up."""
    up("sandbox")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container or network behind, nor the sandbox a router."""
    yield
    for name in ("ipv6", "ipvlan"):
        assert left_by("sandbox", name) == ""
    assert inside("sandbox", *FORWARDING).strip() == "0"


def test_a_dnat_rule_made_by_hand_is_named() -> None:
    rule = ["-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination", "[fd00::9]:80"]
    with dnat_by_hand("ip6tables", *rule):
        code, document = answer("demo.ipv6")
    found = claims(document)
    assert (code, document["verdict"]) == (1, "FAILS")
    assert "fd00::9" in found["ipv6.published"]["because"]
    assert found["hello.host"]["verdict"] == "HOLDS"


def test_without_ipv6_on_eth1_the_host_is_skipped_and_the_reason_named() -> None:
    switch = "net.ipv6.conf.eth1.disable_ipv6"
    write = ["sudo", "sysctl", "-w"]
    with wrong("sandbox", [*write, f"{switch}=1"], [*write, f"{switch}=0"]):
        code, document = answer("demo.ipv6")
    found = claims(document)
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert found["hello.host"]["verdict"] == "SKIPPED"
    assert f"{switch} is 1" in found["hello.host"]["because"]
    assert found["hello.sandbox"]["verdict"] == "HOLDS"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals) -> None:
    interrupted("demo.ipv6", "sandbox$ docker run", number)


def test_ipvlan_is_tried_and_where_it_is_missing_the_module_is_named() -> None:
    code, document = answer("demo.ipvlan")
    assert code == 0
    assert "type ipvlan" in document["steps"][0]["command"]
    if document["steps"][0]["exit"] != 0:
        assert document["verdict"] == "SKIPPED"
        for claim in document["claims"]:
            assert claim["verdict"] == "SKIPPED"
            assert "module ipvlan" in claim["because"] and claim["evidence"]
