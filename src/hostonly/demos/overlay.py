"""An overlay network: two sandboxes become a Docker Swarm, and containers on both share a network.

The page that goes with it is docs/demo-overlay.md.
"""

from __future__ import annotations

from functools import partial

from hostonly.claims.hello import hello_rises
from hostonly.claims.overlay import (
    SWARM_PORTS,
    images_built,
    name_across,
    overlay_attachable,
    routes_absent,
    service_answers,
    swarm_gone,
    vxlan_path,
)
from hostonly.demos.gossip import SYNC_SECONDS, settled
from hostonly.demos.probes import (
    DEFAULT_PORT,
    address_of,
    connect,
    connect_once,
    start,
    wait_for_hello,
)
from hostonly.demos.stage import Stage
from hostonly.demos.swarm import join, spanning
from hostonly.demos.watch import vxlan_watched
from hostonly.facts import Fact, Observed, observe, together
from hostonly.facts.docker import Container as Inspected
from hostonly.facts.docker import observe_container, observe_network_names
from hostonly.facts.engine import observe_engine
from hostonly.facts.interfaces import observe_interfaces
from hostonly.facts.kernel import observe_capability
from hostonly.facts.listeners import observe_listeners
from hostonly.facts.names import observe_name
from hostonly.facts.reach import Reach
from hostonly.facts.routes import route_to
from hostonly.vantages import Container

SECOND_SANDBOX = True

HELLO, NEIGHBOUR = "hello", "neighbour"
NAME = "overlay"
NETWORK = "hello-overlay"
SERVICE = "web"
PARENT = "eth1"


def run(stage: Stage) -> None:
    """Make the swarm and the network, look across it, publish a service, and leave."""
    first, second = stage.sandbox, stage.second_sandbox
    one, two = stage.address, str(stage.settings.network.sandbox2)
    port = stage.settings.hello.port
    for sandbox in (first, second):
        stage.require_free_port(port, at=sandbox)
    join(stage)
    over = ("-d", "overlay", "--attachable", *stage.labels)
    stage.step(first, "docker", "network", "create", *over, NETWORK)
    start(stage, HELLO, NAME, "--network", NETWORK)
    start(stage, NEIGHBOUR, NAME, "--network", NETWORK, on=second)
    wait_for_hello(stage, HELLO)
    wait_for_hello(stage, NEIGHBOUR, on=second)
    hello, neighbour = observe_container(first, HELLO), observe_container(second, NEIGHBOUR)
    stage.judge(
        images_built,
        about={"image_id": stage.image_id},
        containers=together([hello, neighbour]),
    )
    stage.judge(
        overlay_attachable,
        about={"name": NETWORK, "first": one, "second": two},
        network=spanning(stage, NETWORK),
    )
    inside = stage.container(HELLO)
    beyond = stage.container(NEIGHBOUR, on=second)
    _judge_name(stage, NEIGHBOUR, "the container on the other sandbox", inside, [neighbour])
    _judge_name(stage, HELLO, "the container on the other sandbox", beyond, [hello])

    def talk() -> list[tuple[Fact[Reach], Fact[Reach]]]:
        # In turn, so that watching sees a whole connection in each direction before it has enough.
        pair = ((inside, NEIGHBOUR), (beyond, HELLO))
        once = [[connect_once(stage, at, name, port) for at, name in pair] for _ in range(2)]
        return [(to_neighbour, to_hello) for to_neighbour, to_hello in once]

    talked, (at_first, at_second) = vxlan_watched(stage, (first, second), talk)
    from_hello, from_neighbour = (together(answers) for answers in zip(*talked, strict=True))
    about: dict[str, object] = {"name": NAME, "port": port}
    stage.judge(
        hello_rises, about={**about, "place": HELLO, "address": NEIGHBOUR}, answers=from_hello
    )
    stage.judge(
        hello_rises, about={**about, "place": NEIGHBOUR, "address": HELLO}, answers=from_neighbour
    )
    stage.judge(
        vxlan_path,
        about={"device": PARENT, "first": one, "second": two, "port": port},
        at_first=at_first,
        at_second=at_second,
    )
    addresses = [
        address_of(stage, HELLO, NETWORK),
        address_of(stage, NEIGHBOUR, NETWORK, on=second),
    ]
    stage.judge(
        routes_absent,
        about={
            "addresses": " and ".join(addresses),
            "device": stage.settings.network.bridge,
            "gateways": frozenset({one, two}),
        },
        ways=together([route_to(stage.host, address) for address in addresses]),
    )
    _service(stage, one, two)
    if not stage.keep:
        stage.clear()
        for place, sandbox in (("sandbox", first), ("second-sandbox", second)):
            # The kernel's VXLAN goes with the network's namespace, a moment after the network.
            settled(
                partial(observe_listeners, sandbox, "udp"),
                lambda udp: not any(each.port in SWARM_PORTS for each in udp),
            )
            stage.judge(
                swarm_gone,
                about={"place": place},
                engine=observe_engine(sandbox),
                networks=observe_network_names(sandbox),
                interfaces=observe_interfaces(sandbox),
                tcp=observe_listeners(sandbox),
                udp=observe_listeners(sandbox, "udp"),
            )


def _judge_name(
    stage: Stage,
    name: str,
    what: str,
    place: Container,
    containers: list[Fact[Inspected]],
) -> None:
    """Claim that ``place`` finds ``containers`` by ``name``, once gossip has had its time."""
    wanted = len(containers)
    settled(
        lambda: observe_name(place, name),
        lambda found: len(found.addresses) == wanted,
        seconds=SYNC_SECONDS,
    )
    lookup = stage.probe(lambda: observe_name(place, name))
    stage.judge(
        name_across,
        about={
            "topic": name,
            "name": name,
            "what": what,
            "place": place.name,
            "network": NETWORK,
        },
        lookup=lookup,
        containers=together(containers),
    )


def _service(stage: Stage, one: str, two: str) -> None:
    """A service with a task on each sandbox: published in the swarm's own way where the kernel can
    do that, and by each sandbox for its own task, which needs no more than DNAT."""
    first, port = stage.sandbox, stage.settings.hello.port
    about: dict[str, object] = {"mode": "ingress", "name": NAME}
    ipvs = observe_capability(first, "ip_vs")
    if isinstance(ipvs, Observed) and not ipvs.value:
        because = "this kernel has no IPVS (ip_vs), which the swarm's load balancing is made with"
        stage.skip(service_answers, because, about=about, evidence=ipvs.evidence)
    else:
        _serve(stage, "--publish", f"published={port},target={DEFAULT_PORT}")
        _judge_service(stage, about, one, two)
        stage.step(first, "docker", "service", "rm", SERVICE)
    mode = ("--endpoint-mode", "dnsrr")
    tasks = _serve(stage, *mode, "--publish", f"mode=host,published={port},target={DEFAULT_PORT}")
    _judge_service(stage, {**about, "mode": "host"}, one, two)
    _judge_name(stage, SERVICE, "each of the service's two tasks", stage.container(HELLO), tasks)


def _serve(stage: Stage, *options: str) -> list[Fact[Inspected]]:
    """Make the service, wait for a task on each sandbox, and give the two containers."""
    fixed = ("--detach", "--name", SERVICE, *stage.labels, "--mode", "global")
    # The image was brought to the second sandbox: neither is to look for it in a registry.
    image = ("--no-resolve-image", "--network", NETWORK, stage.image, NAME)
    stage.step(stage.sandbox, "docker", "service", "create", *fixed, *options, *image)
    filters = ("--filter", f"label=com.docker.swarm.service.name={SERVICE}")
    listing = ["docker", "ps", "--quiet", *filters]
    found: list[Fact[Inspected]] = []
    for sandbox in (stage.sandbox, stage.second_sandbox):
        ids = stage.wait_until(
            partial(observe, sandbox, listing, str.split),
            lambda ids: len(ids) == 1,
            f"waiting for a task of {SERVICE} on {sandbox.name}",
        )
        if isinstance(ids, Observed):
            stage.wait_for_listener(DEFAULT_PORT, at=stage.namespace(ids.value[0], on=sandbox))
            found.append(observe_container(sandbox, ids.value[0]))
    return found


def _judge_service(stage: Stage, about: dict[str, object], one: str, two: str) -> None:
    port = stage.settings.hello.port
    first, second = (connect(stage, stage.host, address, port) for address in (one, two))
    stage.judge(service_answers, about=about, first=first, second=second)
