"""Cases of the claims about an overlay network over two sandboxes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hostonly.claims.overlay import (
    images_built,
    name_across,
    overlay_attachable,
    routes_absent,
    service_answers,
    swarm_gone,
    vxlan_path,
)
from hostonly.facts.docker import DockerEndpoint, DockerNetwork
from hostonly.facts.engine import EngineInfo
from hostonly.facts.interfaces import Interface
from hostonly.facts.listeners import Holder, Listener
from hostonly.facts.names import Lookup
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute
from hostonly.facts.vxlan import Frame
from tests.unit.claims.case import Case
from tests.unit.claims.cases import CONTAINER, ETH1, LO, said

ONE, TWO = "172.16.0.2", "172.16.0.3"
OVERLAY = DockerNetwork(
    "n1", "hello-overlay", "overlay", False, ("10.0.1.0/24",), (), (), (), (), True, (ONE, TWO)
)
SPANS: dict[str, object] = {"name": "hello-overlay", "first": ONE, "second": TWO}


def on_overlay(address: str | None) -> Any:
    """A container with this address on the overlay, and another one on another network."""
    ends = (
        DockerEndpoint("docker_gwbridge", "n2", "172.18.0.3", 16, None, ""),
        DockerEndpoint("hello-overlay", "n1", address, 24, None, ""),
    )
    return replace(CONTAINER, endpoints=ends)


NEIGHBOUR: dict[str, object] = {
    "topic": "neighbour",
    "name": "neighbour",
    "what": "the container",
    "place": "container hello",
    "network": "hello-overlay",
}


def lookup(*addresses: str) -> Lookup:
    return Lookup("neighbour", "NOERROR", addresses, "127.0.0.11")


HELLO_AT, NEIGHBOUR_AT = "10.0.1.2", "10.0.1.4"


def call(server: str, *, answered: bool = True) -> list[tuple[str, str]]:
    """What one connection to HelloSocket at ``server`` puts on the overlay."""
    client = HELLO_AT if server == NEIGHBOUR_AT else NEIGHBOUR_AT
    there = (f"{client}.40000", f"{server}.8080")
    return [there, there[::-1]] if answered else [there, there]


def seen(place: str, *packets: tuple[str, str], network: int | None = 4097) -> tuple[Frame, ...]:
    """What passes eth1 at ``place`` when these packets go between the containers."""
    frames = []
    for packet in packets:
        source, target = (ONE, TWO) if packet[0].startswith(HELLO_AT) else (TWO, ONE)
        direction = "Out" if source == place else "In"
        frames.append(Frame("eth1", direction, source, target, network, packet))
    return tuple(frames)


BOTH = (*call(NEIGHBOUR_AT), *call(HELLO_AT))
AT_ONE, AT_TWO = seen(ONE, *BOTH), seen(TWO, *BOTH)
PATH: dict[str, object] = {"device": "eth1", "first": ONE, "second": TWO, "port": 8080}
# udp/4789 dropped as it comes in at the second sandbox: seen there, and answered never.
LOST_IN = (*call(NEIGHBOUR_AT, answered=False), *call(HELLO_AT))

LEFT = EngineInfo("20.10.24+dfsg1", "iptables", "inactive")
NETWORKS = (("bridge", "bridge"), ("host", "host"), ("none", "null"), ("mine", "bridge"))
SSH = Listener("tcp", "0.0.0.0", 22, (Holder("sshd", 1),))
GOSSIP = Listener("udp", "*", 7946, (Holder("dockerd", 56),))
VXLAN = Listener("udp", "0.0.0.0", 4789, ())
MANAGER = Listener("tcp", "*", 2377, (Holder("dockerd", 56),))
GATEWAY = Interface(9, "docker_gwbridge", "02:42:00:00:00:01", 1500, frozenset(), ())
GONE: dict[str, Any] = {
    "engine": LEFT,
    "networks": NETWORKS,
    "interfaces": (LO, ETH1),
    "tcp": (SSH,),
    "udp": (),
}
SERVICE: dict[str, object] = {"mode": "host", "name": "overlay"}
ONCE, TWICE = said("Hello overlay! (1)"), said("Hello overlay! (1)", "Hello overlay! (2)")

BUILT: dict[str, object] = {"image_id": "sha256:aa"}
OTHER = replace(CONTAINER, name="neighbour", image="sha256:bb")
APART: dict[str, object] = {
    "addresses": "10.0.1.2 and 10.0.1.4",
    "device": "hostonly0",
    "gateways": frozenset({ONE, TWO}),
}
OUT = ChosenRoute("10.0.1.2", "eth0", "192.0.2.1", "192.0.2.7")

CASES = [
    Case(images_built, True, {"containers": (CONTAINER, CONTAINER)}, BUILT, "sha256:aa"),
    Case(images_built, False, {"containers": (CONTAINER, OTHER)}, BUILT, "neighbour: its image"),
    Case(images_built, False, {"containers": (OTHER, CONTAINER)}, BUILT, "sha256:bb"),
    Case(images_built, None, {"containers": (CONTAINER,)}, BUILT, "1 containers"),
    *(
        Case(routes_absent, holds, {"ways": ways}, APART, says)
        for holds, ways, says in (
            (True, (OUT, OUT), "by eth0, by eth0"),
            (True, (None, OUT), "nowhere, by eth0"),
            (False, (OUT, replace(OUT, device="hostonly0")), "would leave by hostonly0"),
            (False, (replace(OUT, gateway=TWO), OUT), f"via {TWO}"),
            (None, (OUT,), "1 routes"),
        )
    ),
    Case(overlay_attachable, True, {"network": OVERLAY}, SPANS, f"{ONE}, {TWO}"),
    *(
        Case(overlay_attachable, False, {"network": network}, SPANS, says)
        for network, says in (
            (replace(OVERLAY, driver="bridge"), "is bridge"),
            (replace(OVERLAY, attachable=False), "not attachable"),
            (replace(OVERLAY, options=(("encrypted", ""),)), "is encrypted"),
            (replace(OVERLAY, peers=(ONE,)), f"its peers are {ONE}"),
            (replace(OVERLAY, peers=()), "none"),
            (replace(OVERLAY, peers=(ONE, TWO, "10.203.16.2")), "10.203.16.2"),
        )
    ),
    *(
        Case(name_across, holds, {"lookup": found, "containers": containers}, NEIGHBOUR, says)
        for holds, found, containers, says in (
            (True, lookup("10.0.1.4"), (on_overlay("10.0.1.4"),), "10.0.1.4"),
            (True, lookup("b", "a"), (on_overlay("a"), on_overlay("b")), "b, a"),
            (False, lookup("10.0.1.5"), (on_overlay("10.0.1.4"),), "10.0.1.5"),
            (False, lookup("a"), (on_overlay("a"), on_overlay("b")), "to be found was a, b"),
            (False, lookup("a", "b"), (on_overlay("a"),), "is a, b"),
            (False, Lookup("neighbour", "NXDOMAIN"), (on_overlay("a"),), "NXDOMAIN"),
            (None, lookup("a"), (on_overlay(None),), "not every container"),
            (None, lookup("a"), (CONTAINER,), "not every container"),
            (None, lookup("a"), (), "not every container"),
        )
    ),
    Case(vxlan_path, True, {"at_first": AT_ONE, "at_second": AT_TWO}, PATH, "network 4097"),
    *(
        Case(vxlan_path, False, {"at_first": one, "at_second": two}, PATH, says)
        for one, two, says in (
            ((), (), f"no udp/4789 packet left {ONE} nor {TWO} by eth1"),
            (seen(ONE, *call(NEIGHBOUR_AT, answered=False)), (), f"does not arrive at {TWO}"),
            ((), seen(TWO, *call(HELLO_AT, answered=False)), f"does not arrive at {ONE}"),
            (
                seen(ONE, *LOST_IN),
                seen(TWO, *LOST_IN),
                f"udp/4789 comes to {TWO}, and 10.0.1.4.8080 behind it does not answer",
            ),
            # Dropped as it leaves the first: what the second calls comes, and no answer leaves.
            (
                seen(ONE, *call(HELLO_AT, answered=False)),
                seen(TWO, *call(HELLO_AT, answered=False)),
                f"no udp/4789 packet left {ONE} by eth1",
            ),
            (seen(ONE, *BOTH, network=None), AT_TWO, "None"),
            ((*AT_ONE, replace(AT_ONE[0], interface="eth0")), AT_TWO, "by eth0"),
            (AT_ONE, (*AT_TWO, replace(AT_TWO[0], destination="10.9.9.9")), "10.9.9.9"),
        )
    ),
    Case(service_answers, True, {"first": TWICE, "second": ONCE}, SERVICE, "n = 1, 2, the second"),
    *(
        Case(service_answers, holds, {"first": TWICE, "second": second}, SERVICE, says)
        for holds, second, says in (
            (False, (Reach(Outcome.REFUSED),), "the second sandbox: REFUSED"),
            (False, (*ONCE, Reach(Outcome.TIMEOUT)), "TIMEOUT"),
            (False, said("Hello host! (1)"), "Hello host!"),
            (None, (), "not tried"),
        )
    ),
    Case(swarm_gone, True, GONE, {"place": "sandbox"}, "inactive"),
    *(
        Case(swarm_gone, False, {**GONE, **wrong}, {"place": "sandbox"}, says)
        for wrong, says in (
            ({"engine": replace(LEFT, swarm="pending")}, "the swarm state pending"),
            ({"networks": (*NETWORKS, ("ingress", "overlay"))}, "the network ingress"),
            ({"networks": (*NETWORKS, ("docker_gwbridge", "bridge"))}, "network docker_gwbridge"),
            ({"interfaces": (LO, GATEWAY)}, "the link docker_gwbridge"),
            ({"tcp": (SSH, MANAGER)}, "tcp/2377"),
            ({"udp": (GOSSIP, VXLAN)}, "udp/7946, udp/4789"),
        )
    ),
]
