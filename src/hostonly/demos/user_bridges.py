"""User-defined networks: names within one, nothing across two, a container on both.

An --internal network has no way out. The page of this demo is docs/demo-user-bridges.md.
"""

from __future__ import annotations

from hostonly.claims.hello import hello_apart, hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.names import (
    name_outside,
    name_resolves,
    name_unknown,
    resolver_embedded,
    resolver_outer,
)
from hostonly.claims.networks import network_driver
from hostonly.claims.reach import SILENT, internal_closed, unreachable
from hostonly.facts import Fact, observe, together
from hostonly.facts.docker import container, network
from hostonly.facts.engine import engine
from hostonly.facts.firewall import firewall
from hostonly.facts.names import Lookup, lookup
from hostonly.facts.resolver import resolver
from hostonly.facts.routes import route_to
from hostonly.stage.outside import make_outside
from hostonly.stage.probes import (
    address_of,
    connect,
    connect_once,
    start,
    wait_for_hello,
)
from hostonly.stage.stage import Stage

RED, BLUE, CLOSED = "red", "blue", "closed"
RED1, RED2, BLUE1, BOTH = "red1", "red2", "blue1", "both"
PLAIN1, PLAIN2 = "plain1", "plain2"
CLOSED1, CLOSED2 = "closed1", "closed2"
# A name that nobody outside has (RFC 2606), in case the question gets there.
OUTSIDE = "outside.example"


def run(stage: Stage) -> None:
    """Make three networks and judge names and traffic on them and on the default bridge."""
    create = ("docker", "network", "create", *stage.labels)
    stage.step(stage.sandbox, *create, RED)
    stage.step(stage.sandbox, *create, BLUE)
    stage.step(stage.sandbox, *create, "--internal", CLOSED)
    for name, net in (
        (RED1, RED),
        (RED2, RED),
        (BLUE1, BLUE),
        (BOTH, RED),
        (CLOSED1, CLOSED),
        (CLOSED2, CLOSED),
    ):
        start(stage, name, name, "--network", net)
    start(stage, PLAIN1, PLAIN1)
    start(stage, PLAIN2, PLAIN2)
    stage.step(stage.sandbox, "docker", "network", "connect", BLUE, BOTH)
    wait_for_hello(stage, RED1, RED2, BLUE1, BOTH, CLOSED2)
    stage.step(stage.sandbox, "docker", "network", "ls")

    image = observe(stage.sandbox, container(RED1))
    stage.judge(image_built, about={"image_id": stage.image_id}, container=image)
    stage.judge(
        network_driver,
        about={"name": RED, "driver": "bridge"},
        network=observe(stage.sandbox, network(RED)),
    )
    _judge_names(stage)
    _judge_traffic(stage)
    _judge_internal(stage)


def _ask(stage: Stage, container: str, name: str) -> Fact[Lookup]:
    return stage.probe(observe(stage.container(container), lookup(name)))


def _judge_names(stage: Stage) -> None:
    on_red, on_default = stage.container(RED1), stage.container(PLAIN1)
    asked = stage.probe(observe(on_red, resolver()))
    stage.judge(resolver_embedded, about={"network": RED}, resolver=asked)
    stage.judge(resolver_outer, resolver=stage.probe(observe(on_default, resolver())))
    known = _ask(stage, RED1, RED2)
    stage.judge(
        name_resolves,
        about={"network": RED, "name": RED2},
        lookup=known,
        container=observe(stage.sandbox, container(RED2)),
    )
    for topic, asker, name, who in (
        ("across", RED1, BLUE1, "A container on another network"),
        ("default", PLAIN1, PLAIN2, "A container on the default bridge"),
    ):
        stage.judge(
            name_unknown,
            about={"topic": topic, "who": who, "name": name},
            lookup=_ask(stage, asker, name),
            container=observe(stage.sandbox, container(name)),
            control=known,
        )


def _judge_traffic(stage: Stage) -> None:
    port = stage.site.hello_port
    red1, blue1, both = (stage.container(name) for name in (RED1, BLUE1, BOTH))
    stage.judge(
        hello_rises,
        about={"place": f"container {RED1}", "name": RED2, "address": RED2, "port": port},
        answers=connect(stage, red1, RED2, port),
    )
    on_red, on_blue = address_of(stage, RED1), address_of(stage, BLUE1)
    to_red, to_blue = (connect_once(stage, both, each, port) for each in (on_red, on_blue))
    stage.judge(
        hello_apart,
        about={
            "who": f"the container {BOTH}",
            "port": port,
            "here": on_red,
            "one": RED1,
            "there": on_blue,
            "other": BLUE1,
        },
        first=together([to_red]),
        second=together([to_blue]),
    )
    for place, vantage, target, address, neighbour, witness in (
        (RED1, red1, BLUE1, on_blue, address_of(stage, RED2), to_blue),
        (BLUE1, blue1, RED1, on_red, address_of(stage, BOTH, BLUE), to_red),
    ):
        stage.judge(
            unreachable,
            about={
                "topic": place,
                "place": f"container {place}",
                "target": target,
                "address": address,
                "port": port,
                "expected": SILENT,
                "device": "eth0",
            },
            attempt=connect_once(stage, vantage, address, port),
            control=connect_once(stage, vantage, neighbour, port),
            way=observe(stage.namespace(place), route_to(address)),
            witness=witness,
        )


def _judge_internal(stage: Stage) -> None:
    sandbox, port = stage.sandbox, stage.site.hello_port
    closed1, neighbour = stage.container(CLOSED1), address_of(stage, CLOSED2)
    stage.judge(
        hello_rises,
        about={
            "place": f"container {CLOSED1}",
            "name": CLOSED2,
            "address": neighbour,
            "port": port,
        },
        answers=connect(stage, closed1, neighbour, port),
    )
    outside = make_outside(stage)
    stage.judge(
        internal_closed,
        about={
            "place": f"container {CLOSED1}",
            "address": outside,
            "port": port,
            "device": "eth0",
        },
        attempt=connect_once(stage, closed1, outside, port),
        control=connect_once(stage, closed1, neighbour, port),
        way=observe(stage.namespace(CLOSED1), route_to(outside)),
        witness=connect_once(stage, stage.container(RED1), outside, port),
    )
    control = _ask(stage, CLOSED1, CLOSED2)
    before = observe(sandbox, firewall())
    lookup = _ask(stage, CLOSED1, OUTSIDE)
    stage.judge(
        name_outside,
        about={"network": CLOSED, "name": OUTSIDE},
        lookup=lookup,
        control=control,
        engine=observe(sandbox, engine()),
        inside=observe(sandbox, network(CLOSED)),
        before=before,
        after=observe(sandbox, firewall()),
    )
