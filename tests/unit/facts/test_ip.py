"""Interfaces, routes and neighbours, read from captured output of iproute2 and busybox."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import pytest

from hostonly.facts import Observed, Unreadable, interfaces, neighbours, observe, routes
from hostonly.facts.interfaces import Address
from hostonly.facts.routes import ChosenRoute
from hostonly.testing import FakeVantage

Captured = Callable[[str], str]


def test_interfaces_of_ip_json(captured: Captured) -> None:
    lo, p1, eth1 = interfaces.parse(captured("interfaces/iproute2.json"))
    assert (lo.index, lo.name, lo.mac, lo.mtu, lo.up) == (1, "lo", "00:00:00:00:00:00", 65536, True)
    assert lo.addresses == (Address("127.0.0.1/8", "host"), Address("::1/128", "host"))
    assert (eth1.index, eth1.name, eth1.peer) == (3, "eth1", "p1")
    assert eth1.addresses[0] == Address("10.9.0.1/24", "global")
    assert str(eth1.addresses[0].value.network) == "10.9.0.0/24"
    assert p1.peer == "eth1"


@pytest.mark.parametrize("text", ["iproute2.txt", "busybox.txt"])
def test_the_text_says_the_same_as_the_json(captured: Captured, text: str) -> None:
    # All three were printed in the same namespace.
    json = interfaces.parse(captured("interfaces/iproute2.json"))
    assert interfaces.parse_text(captured(f"interfaces/{text}")) == json


def test_a_peer_in_another_namespace() -> None:
    line = "7: eth0@if8: <BROADCAST,UP> mtu 1500 qdisc noqueue \n    link/ether 02:42:ac:11:00:02 brd ff:ff:ff:ff:ff:ff\n"
    (eth0,) = interfaces.parse_text(line)
    assert (eth0.name, eth0.peer, eth0.mac) == ("eth0", "if8", "02:42:ac:11:00:02")


def test_a_point_to_point_address_has_the_peers_prefix() -> None:
    text = (
        "4: tun0: <POINTOPOINT,UP> mtu 1500 qdisc fq state UNKNOWN\n    link/none \n"
        "    inet 10.8.0.2 peer 10.8.0.1/32 scope global tun0\n"
    )
    (tun,) = interfaces.parse_text(text)
    assert (tun.mac, tun.addresses) == ("", (Address("10.8.0.2/32", "global"),))


@pytest.mark.parametrize("output", ["", "[", "{}", "[1]", '[{"ifname": "lo"}]'])
def test_unreadable_interfaces(output: str) -> None:
    with pytest.raises(Unreadable):
        interfaces.parse(output)


@pytest.mark.parametrize(
    "output",
    ["", "sh: ip: not found\n", "    link/ether 02:00:00:00:00:01\n", "1: lo: <UP> mtu 9\nwhat\n"],
)
def test_unreadable_text(output: str) -> None:
    with pytest.raises(Unreadable):
        interfaces.parse_text(output)


def test_routes(captured: Captured) -> None:
    default, connected = routes.parse(captured("routes/main.json"))
    assert (default.is_default, default.gateway, default.device) == (True, "10.9.0.2", "eth1")
    assert connected.destination == ip_network("10.9.0.0/24")
    assert (connected.source, connected.scope, connected.is_default) == ("10.9.0.1", "link", False)


def test_no_route_is_an_empty_list_and_nothing_is_unreadable() -> None:
    assert routes.parse("[]") == ()
    with pytest.raises(Unreadable):
        routes.parse("")


def test_the_way_to_an_address(captured: Captured) -> None:
    way = routes.parse_way(captured("routes/get.json"))
    assert way == ChosenRoute("10.9.0.2", "eth1", None, "10.9.0.1")


def says(exit: int, stderr: str) -> FakeVantage:
    """A vantage where every command says the same."""
    return FakeVantage(otherwise=(exit, "", stderr))


def test_no_way_is_an_observation_but_an_error_is_not() -> None:
    none = says(2, "RTNETLINK answers: Network is unreachable\n")
    fact = observe(none, routes.route_to("11.1.1.1"))
    assert isinstance(fact, Observed) and fact.value is None
    for refused in (
        says(1, 'any valid prefix is expected rather than "x".'),
        says(127, "ip: No such file or directory"),
    ):
        assert not isinstance(observe(refused, routes.route_to("x")), Observed)


def test_neighbours(captured: Captured) -> None:
    failed, permanent = neighbours.parse(captured("neighbours/permanent-and-failed.json"))
    assert (failed.address, failed.mac, failed.states) == (
        "10.9.0.4",
        None,
        frozenset({"FAILED"}),
    )
    assert (permanent.mac, permanent.device) == ("02:00:00:00:00:03", "eth1")
    with pytest.raises(Unreadable):
        neighbours.parse('[{"dst": "10.0.0.1"}]')
