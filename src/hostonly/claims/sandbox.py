"""Claims about the sandbox as a machine on the host-only network, from the host's side of it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.publishing import dnat_rules
from hostonly.facts import Unreadable
from hostonly.facts.docker import ListedContainer
from hostonly.facts.fact import json_object
from hostonly.facts.firewall import Firewall
from hostonly.facts.http import HttpAnswer
from hostonly.facts.interfaces import Interface
from hostonly.facts.listeners import ENGINE, PROXY, Listener, on_port
from hostonly.facts.neighbours import NeighbourEntry
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute, Route

# What to do about a sandbox in this state; the states are in Vagrant's words.
NEXT_STEPS = {
    "not_created": "./inv sandbox.up makes it",
    "stopped": "./inv sandbox.up starts it",
    "half_destroyed": "./inv sandbox.destroy finishes it, ./inv sandbox.up makes it anew",
    "frozen": "its processes are suspended: ./inv sandbox.up thaws it",
}


@claim("sandbox.running", "The machine {machine} is running.", source="lxc-info(1): State")
def sandbox_running(*, machine: str, state: str) -> Judgement:
    """Holds when the provider says ``running``; fails with what to do next."""
    if state == "running":
        return Judgement(True, "its state is running")
    return Judgement(
        False,
        f"its state is {state.replace('_', ' ')}: {NEXT_STEPS.get(state, './inv sandbox.status')}",
    )


@claim(
    "route.host-only",
    "The host's way to {address} is the host-only bridge {bridge}, directly, and nothing else.",
    source="Tutorial, host-only network; ip-route(8): the longest prefix wins",
)
def route_host_only(
    *, address: str, bridge: str, source: str, way: ChosenRoute | None, routes: tuple[Route, ...]
) -> Judgement:
    """Holds when the kernel sends packets for ``address`` directly by ``bridge``.

    It must choose no gateway, and ``source`` as its own address. No other route of the longest
    prefix may lead elsewhere."""
    if way is None:
        return Judgement(
            False, "the host has no route to it: is the bridge there? ./inv sandbox.up"
        )
    if way.device != bridge or way.kind != "unicast":
        return Judgement(
            False,
            f"a packet would leave by {way.device}, so none was sent:"
            f" is the bridge there? ./inv sandbox.up",
        )
    if way.gateway is not None or way.source != source:
        return Judgement(False, f"it goes through {way.gateway or bridge} from {way.source}")
    to = ip_address(address)
    leading = [route for route in routes if to in route.destination]
    longest = max((route.destination.prefixlen for route in leading), default=0)
    astray = [
        f"{route.destination} by {route.device}"
        for route in leading
        if route.destination.prefixlen == longest and route.device != bridge
    ]
    if astray:
        return Judgement(False, f"there is also {', '.join(astray)}")
    return Judgement(True, f"{way.device}, from {way.source}, no gateway")


@claim(
    "neighbour.sandbox",
    "The neighbour that answers for {address} on {bridge} is the sandbox itself, by its MAC address.",
    source="ip-neighbour(8); the sandbox's own ip addr, over ssh with its pinned key",
)
def neighbour_sandbox(
    *,
    address: str,
    bridge: str,
    neighbours: tuple[NeighbourEntry, ...],
    interfaces: tuple[Interface, ...],
) -> Judgement:
    """Holds when the host knows ``address`` by the MAC of the sandbox's interface that has it.

    UNKNOWN where the host has no neighbour entry, since nobody has asked then."""
    entry = next((n for n in neighbours if (n.address, n.device) == (address, bridge)), None)
    owner = next(
        (i for i in interfaces if any(str(a.value.ip) == address for a in i.addresses)), None
    )
    if owner is None:
        return Judgement(False, f"no interface of the sandbox has {address}")
    if entry is None:
        return Judgement(None, f"the host has no neighbour entry for {address} on {bridge}")
    if entry.mac is None:
        return Judgement(False, f"nobody answers for {address}: {', '.join(sorted(entry.states))}")
    if entry.mac != owner.mac:
        return Judgement(
            False, f"{entry.mac} answers, and the sandbox's {owner.name} is {owner.mac}"
        )
    return Judgement(True, f"{entry.mac} is the sandbox's {owner.name}")


@claim(
    "ports.open",
    "From the host, {address} accepts connections on {ports}.",
    source="Tutorial: ssh and the registry of the sandbox",
)
def ports_open(*, address: str, ports: str, reaches: Mapping[int, Reach]) -> Judgement:
    """Holds when every port of ``reaches`` took a connection."""
    shut = [f"{port}: {reach.outcome}" for port, reach in reaches.items() if not reach.connected]
    if shut:
        return Judgement(False, ", ".join(shut))
    if not reaches:
        return Judgement(None, "no port was tried")
    return Judgement(True, f"{' and '.join(map(str, reaches))} took a connection")


@claim(
    "ssh.session",
    "The host gets a session by ssh, with the key that was made for {machine} shown by it.",
    source="sshd(8): host keys; known_hosts of this checkout",
)
def ssh_session(*, machine: str, hostname: str) -> Judgement:
    """Holds when a command ran in the machine, and the machine calls itself ``machine``.

    The pinned key allows no other machine to run the command."""
    if hostname == machine:
        return Judgement(True, f"its hostname is {hostname}")
    return Judgement(False, f"the machine that answers calls itself {hostname}")


@claim(
    "units.failed",
    "In {machine} no unit of systemd has failed.",
    source="systemctl(1): --failed; is-system-running says degraded where one has",
)
def no_unit_failed(*, machine: str, failed: tuple[str, ...]) -> Judgement:
    """Holds when systemd lists no failed unit; fails with their names and where to read why."""
    if failed:
        return Judgement(
            False,
            f"failed: {', '.join(failed)}: ./inv sandbox.exec -- sudo journalctl -b -u {failed[0]}",
        )
    return Judgement(True, "systemd lists none that failed")


@claim(
    "engine.answers",
    "The sandbox's Docker engine answers.",
    source="Docker Engine API v1.41: SystemVersion",
)
def engine_answers(*, answer: HttpAnswer) -> Judgement:
    """Holds when the engine's socket answers ``/version`` as an engine does."""
    if answer.status is None:
        return Judgement(False, f"{answer.because}: ./inv sandbox.exec -- systemctl status docker")
    try:
        version = json_object(answer.body)
    except Unreadable:
        version = {}
    if answer.status != 200 or "ApiVersion" not in version:
        return Judgement(False, f"{answer}, and no version of an engine in it")
    return Judgement(True, f"version {version.get('Version')}, API {version['ApiVersion']}")


@claim(
    "registry.answers.{place}",
    "From the {place}, the registry at {url} answers as a registry of API version 2.",
    source="OCI distribution specification 1.1, end-1; Docker Registry HTTP API V2: API Version Check",
)
def registry_answers(*, place: str, url: str, answer: HttpAnswer) -> Judgement:
    """Holds at status 200 with ``Docker-Distribution-Api-Version: registry/2.0``."""
    if answer.status is None:
        return Judgement(False, f"{answer.because}: ./inv registry.up")
    version = answer.header("docker-distribution-api-version")
    if answer.status != 200 or version != "registry/2.0":
        return Judgement(False, f"{answer}, API version {version}")
    return Judgement(True, f"{answer}, API version {version}")


@claim(
    "ports.closed",
    "From the host, {ports} on the sandbox refuse connections: {why}.",
    source="dockerd(8): the API on tcp 2375 or 2376 makes everybody root who reaches it",
)
def ports_closed(
    *, ports: str, why: str, reaches: Mapping[int, Reach], control: Reach
) -> Judgement:
    """Holds when every port was refused, while the ``control`` made a connection.

    The ``control`` is the same probe from the same place to a port that must answer. FAILS where
    one made a connection, whatever the control did; else UNKNOWN where the control made none."""
    taken = [
        f"{port}: {reach.outcome}"
        for port, reach in reaches.items()
        if reach.outcome is not Outcome.REFUSED
    ]
    if any(reach.connected for reach in reaches.values()):
        return Judgement(False, ", ".join(taken))
    if not control.connected or not reaches:
        return Judgement(None, f"the same probe does not reach ssh either: {control.outcome}")
    if taken:
        return Judgement(False, ", ".join(taken))
    return Judgement(True, "REFUSED, while the same probe reaches ssh")


@claim(
    "listeners.expected",
    "Nothing listens where the host can reach it but ssh, the registry and what containers offer.",
    source="ss(8); the guest recipe; docker-proxy or, from 28 on, dockerd for published ports",
)
def listeners_expected(
    *,
    expected: Mapping[int, frozenset[str]],
    only: Mapping[int, str],
    listeners: tuple[Listener, ...],
    firewall: Firewall,
) -> Judgement:
    """Holds when each listener on another address than loopback, TCP or UDP, is an allowed one.

    Allowed are the ``expected`` processes, by TCP port; docker-proxy, which the engine starts for a
    published port only; and dockerd at a port that a DNAT rule takes: what else dockerd listens on
    is its API or a swarm's. None may be on another address than ``only`` has for its port."""
    strange = []
    seen = []
    for listener in listeners:
        if _only_loopback(listener.address):
            continue
        names = {holder.name for holder in listener.holders}
        allowed = {PROXY}
        if listener.protocol == "tcp":
            allowed |= expected.get(listener.port, frozenset())
        if ENGINE in names and dnat_rules(firewall, listener.port, listener.protocol):
            allowed.add(ENGINE)
        astray = only.get(listener.port, listener.address) != listener.address
        if names and names <= allowed and not astray:
            seen.append(listener.port)
        else:
            who = ", ".join(sorted(names)) or "a process that was not named"
            udp = "udp " if listener.protocol == "udp" else ""
            strange.append(f"{who} on {udp}{listener.address}:{listener.port}")
    if strange:
        return Judgement(False, "; ".join(dict.fromkeys(strange)))
    return Judgement(True, f"on {', '.join(map(str, sorted(set(seen)))) or 'no port'}")


def _only_loopback(address: str) -> bool:
    try:
        number = ip_address(address.strip("[]"))
    except ValueError:
        # `*`: every address.
        return False
    return (getattr(number, "ipv4_mapped", None) or number).is_loopback


@claim(
    "published.held",
    "Each port that a container publishes is held by docker-proxy or, from engine 28 on, by dockerd.",
    source="dockerd(8), --userland-proxy; docker-ps(1); ss(8)",
)
def published_held(
    *, published: tuple[ListedContainer, ...], listeners: tuple[Listener, ...]
) -> Judgement:
    """Holds when docker-proxy or dockerd listens on every published port, also where there is none.

    Where docker-proxy was ended, the sandbox's loopback and other containers miss it, but nobody
    outside, whom DNAT brings to the container. Fails with the container that it was for."""
    missing = []
    ports = set()
    for container in published:
        for each in container.published:
            here = [x for x in on_port(listeners, each.host_port) if x.protocol == each.protocol]
            ports.add(each.host_port)
            holders = {holder.name for listener in here for holder in listener.holders}
            if not holders & {PROXY, ENGINE}:
                missing.append(
                    f"no {PROXY} holds {each.host_port} for {container.name}:"
                    f" docker restart {container.name} starts it again"
                )
    if missing:
        return Judgement(False, "; ".join(dict.fromkeys(missing)))
    return Judgement(True, ", ".join(map(str, sorted(ports))) or "no container publishes a port")


@claim(
    "hello.host",
    "From the host, HelloSocket at {address}:{port} answers `Hello NAME! (n)`.",
    source="Tutorial: HelloSocket",
)
def hello_answers(*, address: str, port: int, reach: Reach) -> Judgement:
    """Holds when the whole answer is HelloSocket's line."""
    return Judgement(reach.greeting is not None, str(reach))
