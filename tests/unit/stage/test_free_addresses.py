"""Addresses of the host-only network that nobody has."""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from itertools import islice

import pytest

from hostonly.facts.neighbours import NeighbourEntry
from hostonly.results.judged import SandboxAbout
from hostonly.site import Site
from hostonly.stage.free_addresses import candidates, is_spare, spare_addresses
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped
from hostonly.stage.testbed import BuiltImage, Testbed
from hostonly.testing import FakeVantage

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
    ("mac", "device", "spare"),
    [(None, "eth1", True), ("02:00:00:00:00:01", "eth1", False), (None, "eth0", None)],
)
def test_spare_is_what_was_asked_for_and_not_answered(
    mac: str | None, device: str, spare: bool | None
) -> None:
    table = (NeighbourEntry("172.16.0.254", device, mac, frozenset({"INCOMPLETE"})),)
    assert is_spare("172.16.0.254", "eth1", table) is spare


def test_nothing_is_known_of_an_address_that_nobody_asked_for() -> None:
    assert is_spare("172.16.0.254", "eth1", ()) is None


class Asker(FakeVantage):
    """A machine on whose link some addresses answer, and others are remembered only."""

    def __init__(
        self,
        answering: set[str],
        remembered: set[str],
        name: str = "sandbox2",
        device: str = "eth1",
    ) -> None:
        super().__init__(name=name)
        self.device = device
        self.answering, self.remembered = answering, remembered
        self.table: dict[str, str | None] = dict.fromkeys(remembered, "02:00:00:00:00:09")

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        exit, out = 0, ""
        match argv:
            case ["ping", *_, address]:
                answers = address in self.answering
                found = "02:00:00:00:00:08" if answers else None
                self.table[address] = found or self.table.get(address)
                exit = 0 if answers else 1
            case ["sudo", "ip", "neigh", "flush", "to", address, *where]:
                # The host has other links, which are nobody's business here.
                assert where == (["dev", "hostonly0"] if self.name == "host" else [])
                self.table.pop(address, None)
            case ["ip", "-json", "neigh"]:
                out = json.dumps(
                    [
                        {"dst": address, "dev": self.device, "state": ["REACHABLE"]}
                        | ({} if mac is None else {"lladdr": mac})
                        for address, mac in self.table.items()
                    ]
                )
        return exit, out, ""


@pytest.mark.parametrize(
    ("answering", "remembered", "found"),
    [
        ([], [], (254, 253)),
        ([254], [], (253, 252)),
        # The container of an earlier run: its address is free again.
        ([], [254], (254, 253)),
        ([253], [254, 253], (254, 252)),
    ],
)
def test_who_answers_has_it_and_who_is_remembered_has_not(
    site: Site, answering: list[int], remembered: list[int], found: tuple[int, ...]
) -> None:
    def addresses(numbers: Iterable[int]) -> list[str]:
        return [f"172.16.0.{number}" for number in numbers]

    there, known = set(addresses(answering)), set(addresses(remembered))
    # What asks forgets, and so do the others: whoever gets the address has another MAC.
    asker = Asker(there, known)
    host = Asker(set(), known | set(addresses(found)), "host", "hostonly0")
    sandbox = Asker(set(), known | set(addresses(found)), "sandbox")
    about = SandboxAbout("hostonly", "lxc", "172.16.0.2", "20.10.24")
    image = BuiltImage("localhost:5000/hello-socket", "sha256:aa")
    testbed = Testbed(site, host, sandbox, about, image, lambda: asker)
    stage = Stage("macvlan", testbed, lambda event: None)
    given = spare_addresses(stage, stage.second_sandbox, "eth1", 2)
    assert given == tuple(addresses(found))
    # No question is left open: it would fail the first connection.
    assert asker.table == {}
    assert not set(given) & {*host.table, *sandbox.table}


def test_too_few_spare_addresses(site: Site) -> None:
    everybody = {str(each) for each in site.bridge.network.hosts()}
    asker, host = Asker(everybody, set()), Asker(set(), set(), "host", "hostonly0")
    about = SandboxAbout("hostonly", "lxc", "172.16.0.2", "20.10.24")
    image = BuiltImage("localhost:5000/hello-socket", "sha256:aa")
    testbed = Testbed(site, host, asker, about, image, lambda: asker)
    with pytest.raises(Stopped, match="has 0 spare addresses, and 1 are needed"):
        spare_addresses(Stage("macvlan", testbed, lambda event: None), asker, "eth1", 1)
