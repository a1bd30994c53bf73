"""Containers, networks and the engine, from captured output of Docker 20.10."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from hostonly.facts import (
    NotObserved,
    Observed,
    Unreadable,
    docker,
    engine,
    firewall,
    interfaces,
    listeners,
    observe,
)
from hostonly.facts.docker import PublishedPort
from hostonly.facts.listeners import on_port
from hostonly.testing import FakeVantage

Captured = Callable[[str], str]


def test_a_published_container(captured: Captured) -> None:
    container = docker.parse_container(captured("docker/container-published.json"))
    assert (container.name, container.running, container.network_mode) == (
        "capture",
        True,
        "default",
    )
    assert container.image.startswith("sha256:")
    assert dict(container.labels)["hostonly.demo"] == "capture"
    (endpoint,) = container.endpoints
    assert (endpoint.network, endpoint.address, endpoint.prefix) == ("bridge", "172.17.0.2", 16)
    assert container.addresses == ("172.17.0.2",)
    assert (endpoint.gateway, endpoint.mac) == ("172.17.0.1", "02:42:ac:11:00:02")
    assert container.published == (
        PublishedPort(8080, "tcp", "0.0.0.0", 8080),
        PublishedPort(8080, "tcp", "::", 8080),
    )


def test_a_container_that_does_not_run(captured: Captured) -> None:
    container = docker.parse_container(captured("docker/container-created.json"))
    assert (container.status, container.pid, container.running) == ("created", 0, False)
    assert (container.addresses, container.exit_code) == ((), 0)
    assert (container.network_mode, container.published) == ("host", ())


def test_the_list_of_containers(captured: Captured) -> None:
    another, capture = docker.parse_listed(captured("docker/containers.json"))
    assert (another.name, another.image) == ("another", "other/server")
    assert another.published[0] == PublishedPort(80, "tcp", "0.0.0.0", 8080)
    # What is only exposed is not published.
    assert {(each.host_port, each.protocol) for each in capture.published} == {
        (9001, "tcp"),
        (9002, "udp"),
    }
    assert docker.parse_listed("[]") == ()
    for output in ("", '{"message": "no"}', '[{"Names": ["/x"]}]', '[{"Names": [], "Ports": []}]'):
        with pytest.raises(Unreadable):
            docker.parse_listed(output)


def test_a_container_with_ipv6(captured: Captured) -> None:
    (endpoint,) = docker.parse_container(captured("docker/container-ipv6.json")).endpoints
    assert (endpoint.address6, endpoint.gateway6) == ("fd68:6f73:7400::2", "fd68:6f73:7400::1")
    published = docker.parse_container(captured("docker/container-published.json"))
    assert [end.address6 for end in published.endpoints] == [None]


def test_an_overlay_network(captured: Captured) -> None:
    overlay = docker.parse_network(captured("docker/network-overlay.json"))
    assert (overlay.driver, overlay.attachable) == ("overlay", True)
    assert overlay.peers == ("172.16.0.2", "172.16.0.3")
    assert dict(overlay.labels) == {"hostonly.demo": "overlay"}


def test_the_names_of_all_networks(captured: Captured) -> None:
    names = docker.parse_network_names(captured("docker/network-names.txt"))
    assert ("bridge", "bridge") in names and ("none", "null") in names
    with pytest.raises(Unreadable):
        docker.parse_network_names("")


def test_networks(captured: Captured) -> None:
    bridge = docker.parse_network(captured("docker/network-with-member.json"))
    assert (bridge.name, bridge.driver, bridge.internal) == ("bridge", "bridge", False)
    assert (bridge.subnets, bridge.members) == (("172.17.0.0/16",), ("capture",))
    assert bridge.link == "docker0"
    assert replace(bridge, id="d352aa4dcfe27da7", options=()).link == "br-d352aa4dcfe2"
    host = docker.parse_network(captured("docker/network-host.json"))
    assert (host.driver, host.subnets, host.gateways, host.members) == ("host", (), (), ())


@pytest.mark.parametrize("output", ["", "[]", "[{}]", '{"Id": 1}', '[{"Id": "a"}, {"Id": "b"}]'])
def test_unreadable(output: str) -> None:
    for parse in (docker.parse_container, docker.parse_network):
        with pytest.raises(Unreadable):
            parse(output)


def test_the_engine(captured: Captured) -> None:
    seen = engine.parse(captured("engine/20.10.json"))
    assert seen.release == (20, 10, 24)
    assert (seen.firewall_backend, seen.swarm) == ("iptables", "inactive")


def test_a_newer_engine_names_its_firewall_backend(captured: Captured) -> None:
    info = json.loads(captured("engine/20.10.json"))
    info |= {"ServerVersion": "29.0.1", "FirewallBackend": {"Driver": "nftables"}}
    seen = engine.parse(json.dumps(info))
    assert (seen.release, seen.firewall_backend) == ((29, 0, 1), "nftables")


@pytest.mark.parametrize(
    "output",
    [
        '{"ID": "", "ServerErrors": ["Cannot connect to the Docker daemon"]}',
        '{"ServerVersion": "new"}',
        "{}",
        "[]",
    ],
)
def test_an_engine_that_does_not_answer(output: str) -> None:
    with pytest.raises(Unreadable):
        engine.parse(output)


def test_publishing_a_port_as_the_sandbox_shows_it(captured: Captured) -> None:
    before = firewall.parse(captured("firewall/docker-20.10-nothing-published.txt"))
    after = firewall.parse(captured("firewall/docker-20.10-published.txt"))
    assert not any(rule.target == "DNAT" for rule in before.rules)
    (dnat,) = [rule for rule in after.rules_in("nat", "DOCKER") if rule.target == "DNAT"]
    assert (dnat.option("--to-destination"), dnat.packets, dnat.protocol) == (
        "172.17.0.2:8080",
        1,
        "tcp",
    )
    assert [c.policy for c in after.chains if c.name == "FORWARD"] == ["DROP"]
    held = on_port(listeners.parse(captured("listeners/published.txt")), 8080)
    assert {holder.name for each in held for holder in each.holders} == {"docker-proxy"}
    assert on_port(listeners.parse(captured("listeners/nothing-published.txt")), 8080) == ()


def test_a_bridged_container_lists_the_same_by_both_ways(captured: Captured) -> None:
    inside = interfaces.parse_text(captured("interfaces/container-busybox.txt"))
    outside = interfaces.parse(captured("interfaces/container.json"))
    assert [(i.index, i.name, i.mac, i.addresses) for i in inside] == [
        (i.index, i.name, i.mac, i.addresses) for i in outside
    ]
    assert [interface.name for interface in inside] == ["lo", "eth0"]


LISTED, INSPECTED = "docker ps --quiet --no-trunc", "docker container inspect aa"


def test_everything_that_runs(captured: Captured) -> None:
    one = captured("docker/container-published.json")
    fact = observe(FakeVantage({LISTED: "aa\n", INSPECTED: one}), docker.running())
    assert isinstance(fact, Observed)
    assert [each.name for each in fact.value] == ["capture"]
    assert [result.command for result in fact.evidence] == [LISTED, INSPECTED]
    none = observe(FakeVantage({LISTED: ""}), docker.running())
    assert isinstance(none, Observed) and none.value == ()
    for silent in (
        FakeVantage({LISTED: (1, "", "no engine")}),
        FakeVantage({LISTED: "aa\n", INSPECTED: (1, "[]", "No such container")}),
    ):
        assert isinstance(observe(silent, docker.running()), NotObserved)
