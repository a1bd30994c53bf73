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
from hostonly.demos.gossip import SYNC_SECONDS
from hostonly.demos.probes import (
    DEFAULT_PORT,
    address_of,
    connect,
    connect_once,
    start,
    wait_for_hello,
)
from hostonly.demos.stage import Stage, Stopped
from hostonly.demos.swarm import join, spanning
from hostonly.demos.watch import vxlan_watched
from hostonly.facts import Fact, Observed, observe, together
from hostonly.facts.docker import Container as Inspected
from hostonly.facts.docker import observe_container, observe_network_names
from hostonly.facts.engine import observe_engine
from hostonly.facts.interfaces import observe_interfaces
from hostonly.facts.ipvs import observe_ipvs_allowed
from hostonly.facts.kernel import observe_capability
from hostonly.facts.listeners import observe_listeners, on_port
from hostonly.facts.names import observe_name
from hostonly.facts.reach import Reach, observe_reach
from hostonly.facts.routes import route_to
from hostonly.vantages import Container, Vantage

SECOND_SANDBOX = True
# The second for docker_gwbridge, which keeps containers apart from each other.
NEEDS = ("vxlan", "br_netfilter")

HELLO, NEIGHBOUR = "hello", "neighbour"
NAME = "overlay"
NETWORK = "hello-overlay"
SERVICE = "web"
# Of another name than the first: a service that was removed has its tasks for a while yet.
INGRESS = "web-ingress"
PARENT = "eth1"
# A node tries again by itself what its own limits have cut off (emulated, it has taken eight minutes).
TASK_SECONDS = 900.0


def run(stage: Stage) -> None:
    """Make the swarm and the network, look across it, publish a service, and leave."""
    first, second = stage.sandbox, stage.second_sandbox
    one, two = stage.address, stage.site.machine("sandbox2").address
    port = stage.site.hello_port
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
            "device": stage.site.bridge.name,
            "gateways": frozenset({one, two}),
        },
        ways=together([route_to(stage.host, address) for address in addresses]),
    )
    _service(stage, one, two)
    if not stage.keep:
        stage.clear()
        for place, sandbox in (("sandbox", first), ("second-sandbox", second)):
            # The kernel's VXLAN goes with the network's namespace, a moment after the network.
            stage.settle(
                partial(observe_listeners, sandbox, "udp"),
                lambda udp: not any(each.port in SWARM_PORTS for each in udp),
                f"waiting for the swarm's ports of {sandbox.name} to be let go",
                seconds=SYNC_SECONDS,
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
    stage.settle(
        lambda: observe_name(place, name),
        lambda found: len(found.addresses) == wanted,
        f"waiting for the name {name} to be known in {place.name}",
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
    first, port = stage.sandbox, stage.site.hello_port
    about: dict[str, object] = {"mode": "ingress", "name": NAME}
    ipvs = observe_capability(first, "ip_vs")
    if isinstance(ipvs, Observed) and not ipvs.value:
        because = "this kernel has no IPVS (ip_vs), which the swarm's load balancing is made with"
        stage.skip(service_answers, because, about=about, evidence=ipvs.evidence)
    elif isinstance(allowed := observe_ipvs_allowed(first), Observed) and not allowed.value:
        because = "this kernel lets nobody set up IPVS (ip_vs) from a user namespace, as the sandbox is one"
        stage.skip(service_answers, because, about=about, evidence=allowed.evidence)
    else:
        _serve(stage, INGRESS, "--publish", f"published={port},target={DEFAULT_PORT}")
        _wait_for_balancing(stage, one, two)
        _judge_service(stage, about, one, two)
        _remove(stage, INGRESS)
    options = ("--endpoint-mode", "dnsrr", "--publish")
    tasks = _serve(stage, SERVICE, *options, f"mode=host,published={port},target={DEFAULT_PORT}")
    _judge_service(stage, {**about, "mode": "host"}, one, two)
    _judge_name(stage, SERVICE, "each of the service's two tasks", stage.container(HELLO), tasks)


def _serve(stage: Stage, name: str, *options: str) -> list[Fact[Inspected]]:
    """Make service ``name``, wait for a task on each sandbox, and give the two containers."""
    fixed = ("--detach", "--name", name, *stage.labels, "--mode", "global")
    # The image was brought to the second sandbox: neither is to look for it in a registry.
    image = ("--no-resolve-image", "--network", NETWORK, stage.image, NAME)
    stage.step(stage.sandbox, "docker", "service", "create", *fixed, *options, *image)
    found: list[Fact[Inspected]] = []
    for sandbox in (stage.sandbox, stage.second_sandbox):
        ids = stage.wait_until(
            partial(_accepted, stage, sandbox, name),
            lambda ids: len(ids) == 1,
            f"waiting for a task of {name} on {sandbox.name}",
            seconds=TASK_SECONDS,
        )
        if isinstance(ids, Observed):
            stage.wait_for_listener(DEFAULT_PORT, at=stage.namespace(ids.value[0], on=sandbox))
            found.append(observe_container(sandbox, ids.value[0]))
    return found


def _accepted(stage: Stage, sandbox: Vantage, name: str) -> Fact[list[str]]:
    """The ids of service ``name``'s running containers on ``sandbox``.

    Raises:
        Stopped: a node has rejected a task of it, which will not come by waiting; with its reason.
    """
    wanted = ("--no-trunc", "--format", "{{.Node}} {{.CurrentState}}: {{.Error}}")
    told = stage.sandbox.run(["docker", "service", "ps", *wanted, name])
    rejected = [line for line in told.stdout.splitlines() if line.split()[1:2] == ["Rejected"]]
    if rejected:
        raise Stopped(f"a task of {name} was rejected by {rejected[0]}", (told,))
    return _tasks(sandbox, name)


def _tasks(sandbox: Vantage, name: str, *options: str) -> Fact[list[str]]:
    """The ids of service ``name``'s containers on ``sandbox``, of those that run or, by ``--all``, all."""
    mine = ("--filter", f"label=com.docker.swarm.service.name={name}")
    return observe(sandbox, ["docker", "ps", "--quiet", *options, *mine], str.split)


def _wait_for_balancing(stage: Stage, one: str, two: str) -> None:
    """Wait until each sandbox passes a connection on to a task, or has had the time for it. That a task
    listens says nothing of IPVS, which the engines tell of it by gossip; so it is tried, which is no
    step: whose count rises by that is the swarm's choice, and no claim speaks of it."""
    port, bridge = stage.site.hello_port, stage.site.bridge.name
    for address in (one, two):
        stage.settle(
            partial(observe_reach, stage.host, address, port, bridge=bridge),
            lambda reach: reach.greeting is not None,
            f"waiting for {address} to pass connections on to a task",
            seconds=SYNC_SECONDS,
        )


def _remove(stage: Stage, name: str) -> None:
    """Remove service ``name``, whose end the engines see to afterwards, and wait for that: until no
    container of it is there and its port is free."""
    stage.step(stage.sandbox, "docker", "service", "rm", name)
    port = stage.site.hello_port
    for sandbox in (stage.sandbox, stage.second_sandbox):
        stage.wait_until(
            partial(_tasks, sandbox, name, "--all"),
            lambda ids: not ids,
            f"waiting for the tasks of {name} on {sandbox.name} to end",
        )
        stage.wait_until(
            partial(observe_listeners, sandbox),
            lambda tcp: not on_port(tcp, port),
            f"waiting for port {port} of {sandbox.name} to be let go",
        )


def _judge_service(stage: Stage, about: dict[str, object], one: str, two: str) -> None:
    port = stage.site.hello_port
    first, second = (connect(stage, stage.host, address, port) for address in (one, two))
    stage.judge(service_answers, about=about, first=first, second=second)
