"""The check whether the sandbox is all right, as the host sees it, in two round trips.

Nothing is changed. HelloSocket, where it runs, counts one connection more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

from hostonly.checks.both_sides import Facts, Questions, judge_the_way, look_from_both
from hostonly.claims.publishing import dnat_rules
from hostonly.claims.sandbox import (
    engine_answers,
    hello_answers,
    listeners_expected,
    neighbour_sandbox,
    no_unit_failed,
    ports_closed,
    ports_open,
    published_held,
    registry_answers,
    ssh_session,
)
from hostonly.facts import (
    Fact,
    NotObserved,
    Observed,
    Unreadable,
    observe,
    question,
    select,
    together,
)
from hostonly.facts.docker import ListedContainer, parse_listed
from hostonly.facts.firewall import Firewall, firewall
from hostonly.facts.http import http
from hostonly.facts.interfaces import interfaces
from hostonly.facts.listeners import Listener, listeners, on_port
from hostonly.facts.neighbours import NeighbourEntry, neighbours
from hostonly.facts.reach import Reach, reach
from hostonly.facts.units import failed_units
from hostonly.sandbox.machine import Machine
from hostonly.site import SSH_PORT, Site
from hostonly.stage.judge import Judge
from hostonly.vantages import Host

EVERY_ADDRESS = ("*", "0.0.0.0", "[::]")
# An image by its id, whole or its first digits.
HEX = re.compile(r"(sha256:)?[0-9a-f]{12,64}")
ENGINE_SOCKET = "/var/run/docker.sock"
# The engine's API on the network, without and with TLS: nobody asked for either.
ENGINE_PORTS = (2375, 2376)
# HelloSocket in host mode, in Java and in Python.
HELLO_PROCESSES = frozenset({"java", "python3"})


def check(site: Site, claims: Judge) -> None:
    """Look at the sandbox from the host, and from inside it where that decides."""
    host, machine = Host(), Machine(site, claims.emit)
    address, bridge = machine.address, site.bridge.name
    closed = judge_the_way(claims, host, machine)
    with machine.vantage() as sandbox:
        outside, inside = look_from_both(
            host, _looks_of_host(site, address), sandbox, _looks_inside(site), closed
        )
        if closed is None:
            claims.explain_by((host, sandbox), bridge)
        judge(claims, site, machine, outside, inside, observe(host, neighbours()))


def judge(
    claims: Judge,
    site: Site,
    machine: Machine,
    outside: Facts,
    inside: Facts,
    neighbours: Fact[tuple[NeighbourEntry, ...]],
) -> None:
    """Judge what the host (``outside``) and the sandbox (``inside``) see, and the neighbours."""
    address, bridge = machine.address, site.bridge.name
    registry, hello = site.registry_port, site.hello_port
    offered = _offered(inside["listeners"], inside["firewall"], address, hello)
    claims.judge(
        ports_open,
        {"address": address, "ports": f"{SSH_PORT} (ssh) and {registry} (registry)"},
        reaches=_by_port(outside, (SSH_PORT, registry)),
    )
    claims.judge(ssh_session, {"machine": machine.name}, hostname=inside["hostname"])
    claims.judge(
        neighbour_sandbox,
        {"address": address, "bridge": bridge},
        neighbours=neighbours,
        interfaces=inside["interfaces"],
    )
    claims.judge(no_unit_failed, {"machine": machine.name}, failed=inside["failed units"])
    claims.judge(engine_answers, {}, answer=inside["engine"])
    for place, seen, name in (("host", outside, address), ("sandbox", inside, "localhost")):
        about: dict[str, object] = {"place": place, "url": f"http://{name}:{registry}/v2/"}
        claims.judge(registry_answers, about, answer=seen["registry"])
    both = together([inside["listeners"], inside["udp"]])
    every = select(both, lambda protocols: tuple(chain.from_iterable(protocols)))
    claims.judge(
        listeners_expected,
        {
            "expected": {
                SSH_PORT: frozenset({"sshd"}),
                registry: frozenset({"haproxy"}),
                hello: HELLO_PROCESSES,
            },
            "only": {registry: address},
        },
        listeners=every,
        firewall=inside["firewall"],
    )
    listed = select(inside["containers"], lambda answer: parse_listed(answer.body))
    claims.judge(published_held, {}, published=listed, listeners=every)
    shut = (*ENGINE_PORTS, *((hello,) if offered is False else ()))
    why = ", and nothing offers HelloSocket's port" if hello in shut else ""
    claims.judge(
        ports_closed,
        {"ports": ", ".join(map(str, shut)), "why": f"the engine is not on the network{why}"},
        reaches=_by_port(outside, shut),
        control=outside[f"port {SSH_PORT}"],
    )
    where: dict[str, object] = {"address": address, "port": hello}
    reach = outside[f"port {hello}"]
    other = _other_server(listed, reach, site.image.name, hello)
    if offered is False:
        claims.skip(hello_answers, f"nothing in the sandbox offers port {hello} to the host", where)
    elif other is not None:
        because = f"HelloSocket does not run there: the port is {other}'s"
        claims.skip(hello_answers, because, where)
    else:
        claims.judge(hello_answers, where, reach=reach)


def _looks_of_host(site: Site, address: str) -> Questions:
    registry, hello = site.registry_port, site.hello_port
    connects = (SSH_PORT, registry, *ENGINE_PORTS, hello)
    return {
        **{f"port {p}": reach(address, p, only_connect=p != hello) for p in connects},
        "registry": http(f"http://{address}:{registry}/v2/"),
    }


def _looks_inside(site: Site) -> Questions:
    return {
        "hostname": question(["hostname"], str.strip),
        "failed units": failed_units(),
        "interfaces": interfaces(),
        "listeners": listeners(),
        "udp": listeners("udp"),
        "firewall": firewall(),
        "engine": http("http://docker/version", socket=ENGINE_SOCKET),
        "containers": http("http://docker/containers/json", socket=ENGINE_SOCKET),
        "registry": http(f"http://localhost:{site.registry_port}/v2/"),
    }


def _by_port(facts: Facts, ports: Sequence[int]) -> Fact[Mapping[int, Reach]]:
    reaches = together([facts[f"port {port}"] for port in ports])
    return select(reaches, lambda values: dict(zip(ports, values, strict=True)))


def _offered(
    listeners: Fact[tuple[Listener, ...]], firewall: Fact[Firewall], address: str, port: int
) -> bool | None:
    """Return whether the sandbox offers ``port`` at ``address`` to the host; None where unknown."""
    if isinstance(listeners, NotObserved) or isinstance(firewall, NotObserved):
        return None
    if any(each.address in (*EVERY_ADDRESS, address) for each in on_port(listeners.value, port)):
        return True
    try:
        return any(
            destination is None or destination.values == (f"{address}/32",)
            for rule in dnat_rules(firewall.value, port)
            for destination in [rule.match("-d")]
        )
    except Unreadable:
        return None


def _other_server(
    listed: Fact[tuple[ListedContainer, ...]], reach: Fact[Reach], image: str, port: int
) -> str | None:
    """Return the container that publishes ``port`` and is not HelloSocket; None without one.

    None also where it is or may be HelloSocket, which is then judged by its answer: it greets as
    HelloSocket does, is of ``image``, or is named by an id."""
    if isinstance(listed, NotObserved):
        return None
    if isinstance(reach, Observed) and reach.value.greeting is not None:
        return None
    for each in listed.value:
        _, _, name = each.image.partition("@")[0].rpartition("/")
        # An id says nothing: the tag of HelloSocket's image may have moved on.
        if HEX.fullmatch(each.image) or name.partition(":")[0] == image:
            continue
        if any((p.protocol, p.host_port) == ("tcp", port) for p in each.published):
            return f"container {each.name} ({each.image})"
    return None
