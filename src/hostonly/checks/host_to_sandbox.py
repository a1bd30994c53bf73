"""Is my sandbox all right, as the host sees it? Everything is looked at in two round trips.

Nothing is changed. HelloSocket, where it runs, counts one connection more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hostonly.claims import Claim, ClaimResult
from hostonly.claims.firewall import rewrites_port
from hostonly.claims.sandbox import (
    engine_answers,
    hello_answers,
    listeners_expected,
    neighbour_sandbox,
    ports_closed,
    ports_open,
    registry_answers,
    route_host_only,
    sandbox_running,
    ssh_session,
)
from hostonly.events import Emit
from hostonly.facts import Fact, NotObserved, Observed, Unreadable, select, together
from hostonly.facts import http as http_fact
from hostonly.facts.batch import Look, look, observe_all
from hostonly.facts.firewall import Firewall, firewall_look
from hostonly.facts.interfaces import interfaces_look
from hostonly.facts.listeners import Listener, listeners_look, on_port
from hostonly.facts.neighbours import observe_neighbours
from hostonly.facts.reach import Reach, reach_look
from hostonly.facts.routes import observe_routes, route_to
from hostonly.report.model import CheckResult, ClaimJudged
from hostonly.sandbox.machine import Machine
from hostonly.settings import SSH_PORT, Settings
from hostonly.vantages import Host

NAME = "host-to-sandbox"
ENGINE_SOCKET = "/var/run/docker.sock"
# The engine's API on the network, without and with TLS: nobody asked for either.
ENGINE_PORTS = (2375, 2376)


def check(settings: Settings, emit: Emit) -> CheckResult:
    """Look at the sandbox from the host, and from inside it where that decides."""
    start = time.monotonic()
    claims: list[ClaimResult] = []

    def judge(claim: Claim, about: dict[str, object], **facts: Fact[Any]) -> None:
        add(claim.judge(about=about, **facts))

    def add(result: ClaimResult) -> None:
        claims.append(result)
        emit(ClaimJudged(result))

    host, machine, network = Host(), Machine(settings, emit), settings.network
    address, bridge = machine.address, network.bridge
    state = machine.observe_state()
    way, routes = route_to(host, address), observe_routes(host)
    judge(sandbox_running, {"machine": machine.name}, state=state)
    judge(
        route_host_only,
        {"address": address, "bridge": bridge, "source": str(network.host.ip)},
        way=way,
        routes=routes,
    )
    closed = why_not_look(state, way, bridge)
    with ThreadPoolExecutor(1) as pool:
        # Both sides are looked at while the ssh connection is being made.
        from_host = pool.submit(_all, Host(), _looks_of_host(settings, address), closed)
        with machine.vantage() as sandbox:
            inside = _all(sandbox, _looks_inside(settings), closed)
        outside = from_host.result()
    neighbours = observe_neighbours(host)

    registry, hello = settings.registry.port, settings.hello.port
    offered = _offered(inside["listeners"], inside["firewall"], hello)
    ours = (SSH_PORT, registry)
    shut = (*ENGINE_PORTS, *((hello,) if offered is False else ()))
    judge(
        ports_open,
        {"address": address, "ports": f"{SSH_PORT} (ssh) and {registry} (registry)"},
        reaches=_by_port(outside, ours),
    )
    judge(ssh_session, {"machine": machine.name}, hostname=inside["hostname"])
    judge(
        neighbour_sandbox,
        {"address": address, "bridge": bridge},
        neighbours=neighbours,
        interfaces=inside["interfaces"],
    )
    judge(engine_answers, {}, answer=inside["engine"])
    for place, answer, name in (
        ("host", outside["registry"], address),
        ("sandbox", inside["registry"], "localhost"),
    ):
        about: dict[str, object] = {"place": place, "url": f"http://{name}:{registry}/v2/"}
        judge(registry_answers, about, answer=answer)
    judge(
        listeners_expected,
        {
            "expected": {SSH_PORT: "sshd", registry: "docker-registry", hello: "java"},
            "unsafe": ENGINE_PORTS,
        },
        listeners=inside["listeners"],
    )
    judge(
        ports_closed,
        {
            "ports": ", ".join(map(str, shut)),
            "why": "the engine is not on the network"
            + (", and nothing offers HelloSocket's port" if hello in shut else ""),
        },
        reaches=_by_port(outside, shut),
        control=outside[f"port {SSH_PORT}"],
    )
    said: dict[str, object] = {"address": address, "port": hello}
    if offered is False:
        add(hello_answers.skip(f"nothing in the sandbox offers port {hello}", about=said))
    else:
        judge(hello_answers, said, reach=outside[f"port {hello}"])
    return CheckResult(NAME, tuple(claims), time.monotonic() - start)


def why_not_look(state: Fact[str], way: Fact[Any], bridge: str) -> str | None:
    """Why nothing may or can be asked of the sandbox; None where it can."""
    if isinstance(way, NotObserved):
        return f"nothing was sent: {way.because}"
    if way.value is None or way.value.device != bridge:
        return f"nothing was sent, since the way does not lead by {bridge}"
    if isinstance(state, Observed) and state.value != "running":
        return f"nothing was sent, since the sandbox is {state.value.replace('_', ' ')}"
    return None


def _all(vantage: Any, looks: Mapping[str, Look[Any]], closed: str | None) -> dict[str, Fact[Any]]:
    if closed is not None:
        return {key: NotObserved(closed) for key in looks}
    return observe_all(vantage, looks)


def _looks_of_host(settings: Settings, address: str) -> dict[str, Look[Any]]:
    registry, hello = settings.registry.port, settings.hello.port
    connects = (SSH_PORT, registry, *ENGINE_PORTS, hello)
    return {
        **{f"port {p}": reach_look(address, p, only_connect=p != hello) for p in connects},
        "registry": http_fact.look(f"http://{address}:{registry}/v2/"),
    }


def _looks_inside(settings: Settings) -> dict[str, Look[Any]]:
    return {
        "hostname": look(["hostname"], str.strip),
        "interfaces": interfaces_look(),
        "listeners": listeners_look(),
        "firewall": firewall_look(),
        "engine": http_fact.look("http://docker/version", socket=ENGINE_SOCKET),
        "registry": http_fact.look(f"http://localhost:{settings.registry.port}/v2/"),
    }


def _by_port(facts: Mapping[str, Fact[Any]], ports: Sequence[int]) -> Fact[Mapping[int, Reach]]:
    reaches = together([facts[f"port {port}"] for port in ports])
    return select(reaches, lambda values: dict(zip(ports, values, strict=True)))


def _offered(
    listeners: Fact[tuple[Listener, ...]], firewall: Fact[Firewall], port: int
) -> bool | None:
    """Whether something in the sandbox offers ``port`` to the host; None where that is not known."""
    if isinstance(listeners, NotObserved) or isinstance(firewall, NotObserved):
        return None
    if any(not each.address.startswith("127.") for each in on_port(listeners.value, port)):
        return True
    try:
        return any(
            rewrites_port(rule, port) and rule.match("-d") is None
            for rule in firewall.value.rules_in("nat")
        )
    except Unreadable:
        return None
