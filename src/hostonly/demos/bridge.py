"""Bridge networking with nothing published: a container behind docker0.

Only its neighbours and the sandbox reach it. The page of this demo is docs/demo-bridge.md.
"""

from __future__ import annotations

from hostonly.claims.firewall import nat_absent
from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.listeners import listener_none
from hostonly.claims.namespaces import namespace_own
from hostonly.claims.networks import address_subnet, interfaces_one, network_driver
from hostonly.claims.reach import SHUT, route_absent
from hostonly.facts import observe
from hostonly.facts.docker import container, network
from hostonly.facts.firewall import firewall
from hostonly.facts.interfaces import interfaces, listed_in
from hostonly.facts.listeners import listeners
from hostonly.facts.namespaces import namespace, namespace_of
from hostonly.facts.routes import route_to, routes
from hostonly.stage.probes import (
    address_of,
    connect,
    judge_shut_to_host,
    start,
    wait_for_hello,
)
from hostonly.stage.stage import Stage

HELLO, NEIGHBOUR = "hello", "neighbour"
NAME = "bridge"
NETWORK, LINK = "bridge", "docker0"


def run(stage: Stage) -> None:
    """Take the tutorial's steps, then judge its claims about them."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    stage.require_free_port(port)
    start(stage, HELLO, NAME)
    start(stage, NEIGHBOUR, NEIGHBOUR)
    wait_for_hello(stage, HELLO)
    stage.step(sandbox, "docker", "ps")
    stage.step(sandbox, "docker", "network", "inspect", NETWORK)
    listing = stage.step(sandbox, "docker", "exec", HELLO, "ip", "addr")
    stage.step(sandbox, "sudo", "netstat", "-tlnp")
    stage.step(sandbox, "sudo", "iptables", "-t", "nat", "-L", "-n", may_fail=True)

    address = address_of(stage, HELLO)
    about: dict[str, object] = {"name": NAME, "address": address, "port": port}
    for vantage, place in ((sandbox, "sandbox"), (stage.container(NEIGHBOUR), NEIGHBOUR)):
        answers = connect(stage, vantage, address, port)
        stage.judge(hello_rises, about={**about, "place": place}, answers=answers)
    judge_shut_to_host(stage, port, SHUT, "the container")
    stage.judge(
        route_absent,
        about={
            "place": "host",
            "target": "the container",
            "address": address,
            "gateway": stage.address,
            "device": stage.site.bridge.name,
        },
        way=observe(stage.host, route_to(address)),
    )

    hello, inside = observe(sandbox, container(HELLO)), listed_in(listing)
    stage.judge(image_built, about={"image_id": stage.image_id}, container=hello)
    stage.judge(
        network_driver,
        about={"name": NETWORK, "driver": "bridge"},
        network=observe(sandbox, network(NETWORK)),
    )
    own = observe(sandbox, namespace())
    stage.judge(namespace_own, container=observe(sandbox, namespace_of(HELLO)), sandbox=own)
    stage.judge(interfaces_one, container=inside)
    stage.judge(
        address_subnet,
        about={"link": LINK},
        container=inside,
        routes=observe(stage.namespace(HELLO), routes()),
        sandbox=observe(sandbox, interfaces()),
    )
    stage.judge(listener_none, about={"port": port}, listeners=observe(sandbox, listeners()))
    stage.judge(nat_absent, firewall=observe(sandbox, firewall()), container=hello)
