"""An overlay network: two sandboxes become a Docker Swarm, and containers on both share a network.

The page of this demo is docs/demo-overlay.md.
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
from hostonly.facts import Fact, observe, question, together
from hostonly.facts.docker import DockerContainer as Inspected
from hostonly.facts.docker import container, network_names
from hostonly.facts.engine import engine
from hostonly.facts.interfaces import interfaces
from hostonly.facts.ipvs import ipvs_allowed
from hostonly.facts.kernel import capability
from hostonly.facts.listeners import listeners, on_port
from hostonly.facts.names import lookup
from hostonly.facts.reach import Reach, reach
from hostonly.facts.routes import route_to
from hostonly.stage.gossip import SYNC_SECONDS
from hostonly.stage.probes import (
    DEFAULT_PORT,
    address_of,
    connect,
    connect_once,
    start,
    wait_for_hello,
)
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped
from hostonly.stage.swarm import join, spanning
from hostonly.stage.watch import vxlan_watched
from hostonly.vantages import Container, Vantage

SECOND_SANDBOX = True
# docker_gwbridge, which keeps containers apart from each other, needs br_netfilter.
NEEDS = ("vxlan", "br_netfilter")

HELLO, NEIGHBOUR = "hello", "neighbour"
NAME = "overlay"
NETWORK = "hello-overlay"
SERVICE = "web"
# Another name than that of the first service: tasks of a removed service stay for a while.
INGRESS = "web-ingress"
PARENT = "eth1"
# A node repeats by itself what its own limits have cut off (once for eight minutes, emulated).
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
    hello, neighbour = observe(first, container(HELLO)), observe(second, container(NEIGHBOUR))
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
        ways=together([observe(stage.host, route_to(address)) for address in addresses]),
    )
    _service(stage, one, two)
    if not stage.keep:
        stage.clearing.remove_labelled()
        for place, sandbox in (("sandbox", first), ("second-sandbox", second)):
            # The kernel's VXLAN goes with the network's namespace, a moment after the network.
            stage.settle(
                partial(observe, sandbox, listeners("udp")),
                lambda udp: not any(each.port in SWARM_PORTS for each in udp),
                f"waiting for the swarm's ports of {sandbox.name} to be let go",
                seconds=SYNC_SECONDS,
            )
            stage.judge(
                swarm_gone,
                about={"place": place},
                engine=observe(sandbox, engine()),
                networks=observe(sandbox, network_names()),
                interfaces=observe(sandbox, interfaces()),
                tcp=observe(sandbox, listeners()),
                udp=observe(sandbox, listeners("udp")),
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
        lambda: observe(place, lookup(name)),
        lambda found: len(found.addresses) == wanted,
        f"waiting for the name {name} to be known in {place.name}",
        seconds=SYNC_SECONDS,
    )
    found = stage.probe(observe(place, lookup(name)))
    stage.judge(
        name_across,
        about={
            "topic": name,
            "name": name,
            "what": what,
            "place": place.name,
            "network": NETWORK,
        },
        lookup=found,
        containers=together(containers),
    )


def _service(stage: Stage, one: str, two: str) -> None:
    """Judge a service with a task on each sandbox, published in two ways.

    The first is the swarm's own way, where the kernel can do that. The second is each sandbox's
    own, and needs only DNAT.
    """
    first, port = stage.sandbox, stage.site.hello_port
    about: dict[str, object] = {"mode": "ingress", "name": NAME}
    ipvs = observe(first, capability("ip_vs"))
    if not ipvs.value_or(True):
        because = "this kernel has no IPVS (ip_vs), which the swarm's load balancing is made with"
        stage.skip(service_answers, because, about=about, evidence=ipvs.evidence)
    elif not (allowed := observe(first, ipvs_allowed())).value_or(True):
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
    """Make service ``name``, wait for a task on each sandbox, and return the two containers."""
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
        stage.wait_for_listener(DEFAULT_PORT, at=stage.namespace(ids.value[0], on=sandbox))
        found.append(observe(sandbox, container(ids.value[0])))
    return found


def _accepted(stage: Stage, sandbox: Vantage, name: str) -> Fact[list[str]]:
    """Return the ids of the running containers of service ``name`` on ``sandbox``.

    Raises:
        Stopped: a node has rejected a task, with its reason; waiting does not help then.
    """
    wanted = ("--no-trunc", "--format", "{{.Node}} {{.CurrentState}}: {{.Error}}")
    told = stage.sandbox.run(["docker", "service", "ps", *wanted, name])
    rejected = [line for line in told.stdout.splitlines() if line.split()[1:2] == ["Rejected"]]
    if rejected:
        raise Stopped(f"a task of {name} was rejected by {rejected[0]}", (told,))
    return _tasks(sandbox, name)


def _tasks(sandbox: Vantage, name: str, *options: str) -> Fact[list[str]]:
    """Return the ids of the running containers of service ``name``; of all with ``--all``."""
    mine = ("--filter", f"label=com.docker.swarm.service.name={name}")
    return observe(sandbox, question(["docker", "ps", "--quiet", *options, *mine], str.split))


def _wait_for_balancing(stage: Stage, one: str, two: str) -> None:
    """Wait until each sandbox passes a connection on to a task, or had time for it.

    A task that listens says nothing about IPVS, which learns of it from the engines by gossip: so a
    connection is tried. It is no step, since no claim is about the count that rises.
    """
    port, bridge = stage.site.hello_port, stage.site.bridge.name
    for address in (one, two):
        stage.settle(
            partial(observe, stage.host, reach(address, port, bridge=bridge)),
            lambda reach: reach.greeting is not None,
            f"waiting for {address} to pass connections on to a task",
            seconds=SYNC_SECONDS,
        )


def _remove(stage: Stage, name: str) -> None:
    """Remove service ``name``, and wait until its containers are gone and its port is free.

    The engines end the tasks only after they have answered.
    """
    stage.step(stage.sandbox, "docker", "service", "rm", name)
    port = stage.site.hello_port
    for sandbox in (stage.sandbox, stage.second_sandbox):
        stage.wait_until(
            partial(_tasks, sandbox, name, "--all"),
            lambda ids: not ids,
            f"waiting for the tasks of {name} on {sandbox.name} to end",
        )
        stage.wait_until(
            partial(observe, sandbox, listeners()),
            lambda tcp: not on_port(tcp, port),
            f"waiting for port {port} of {sandbox.name} to be let go",
        )


def _judge_service(stage: Stage, about: dict[str, object], one: str, two: str) -> None:
    port = stage.site.hello_port
    first, second = (connect(stage, stage.host, address, port) for address in (one, two))
    stage.judge(service_answers, about=about, first=first, second=second)
