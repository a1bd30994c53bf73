"""Addresses of the host-only network that nobody has."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import islice

import pytest

from hostonly.demos.spare import candidates, is_spare
from hostonly.facts.neighbours import Neighbour

MACHINES = [IPv4Address(f"172.16.0.{last}") for last in (1, 2, 3)]


@pytest.mark.parametrize(
    ("network", "taken", "first"),
    [
        ("172.16.0.0/24", MACHINES, ["172.16.0.254", "172.16.0.253"]),
        ("172.16.0.0/16", MACHINES, ["172.16.255.254", "172.16.255.253"]),
        ("172.16.0.0/29", MACHINES, ["172.16.0.6", "172.16.0.5"]),
        ("172.16.0.0/24", [IPv4Address("172.16.0.254")], ["172.16.0.253", "172.16.0.252"]),
        # The first address is the engine's gateway, whoever else has it.
        (
            "172.16.0.0/29",
            [IPv4Address(f"172.16.0.{n}") for n in (6, 5, 4)],
            ["172.16.0.3", "172.16.0.2"],
        ),
    ],
)
def test_candidates_come_from_the_top(
    network: str, taken: list[IPv4Address], first: list[str]
) -> None:
    assert list(islice(candidates(IPv4Network(network), taken), 2)) == first


def test_candidates_end() -> None:
    every = list(candidates(IPv4Network("172.16.0.0/29"), MACHINES))
    assert every == ["172.16.0.6", "172.16.0.5", "172.16.0.4"]


@pytest.mark.parametrize(
    ("mac", "device", "state", "spare"),
    [
        (None, "eth1", "INCOMPLETE", True),
        (None, "eth1", "FAILED", True),
        ("02:00:00:00:00:01", "eth1", "REACHABLE", False),
        ("02:00:00:00:00:01", "eth1", "STALE", None),
        ("02:00:00:00:00:01", "eth1", "DELAY", None),
        (None, "eth0", "FAILED", None),
    ],
)
def test_spare_is_what_was_asked_for_and_not_answered(
    mac: str | None, device: str, state: str, spare: bool | None
) -> None:
    table = (Neighbour("172.16.0.254", device, mac, frozenset({state})),)
    assert is_spare("172.16.0.254", "eth1", table) is spare


def test_nothing_is_known_of_an_address_that_nobody_asked_for() -> None:
    assert is_spare("172.16.0.254", "eth1", ()) is None
