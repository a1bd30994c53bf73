"""Bridge networking, nothing published: the container is behind docker0, and only who is beside it
or on the sandbox itself reaches it.

The page that goes with it is docs/demo-bridge.md.
"""

from __future__ import annotations

from hostonly.claims.firewall import nat_absent
from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.listeners import listener_none
from hostonly.claims.namespaces import namespace_own
from hostonly.claims.networks import address_subnet, interfaces_one, network_driver
from hostonly.claims.reach import SHUT, route_absent
from hostonly.demos.probes import (
    address_of,
    connect,
    judge_shut_to_host,
    namespace_of,
    start,
    wait_for_hello,
)
from hostonly.demos.stage import Stage
from hostonly.facts.docker import observe_container, observe_network
from hostonly.facts.firewall import observe_firewall
from hostonly.facts.interfaces import listed_in, observe_interfaces
from hostonly.facts.listeners import observe_listeners
from hostonly.facts.namespaces import observe_namespace_of
from hostonly.facts.routes import observe_routes, route_to

HELLO, NEIGHBOUR = "hello", "neighbour"
NAME = "bridge"
NETWORK, LINK = "bridge", "docker0"


def run(stage: Stage) -> None:
    """Take the tutorial's steps, then judge what it says about them."""
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
        way=route_to(stage.host, address),
    )

    container, inside = observe_container(sandbox, HELLO), listed_in(listing)
    stage.judge(image_built, about={"image_id": stage.image_id}, container=container)
    stage.judge(
        network_driver,
        about={"name": NETWORK, "driver": "bridge"},
        network=observe_network(sandbox, NETWORK),
    )
    own = observe_namespace_of(sandbox, 1)
    stage.judge(namespace_own, container=namespace_of(stage, HELLO), sandbox=own)
    stage.judge(interfaces_one, container=inside)
    stage.judge(
        address_subnet,
        about={"link": LINK},
        container=inside,
        routes=observe_routes(stage.namespace(HELLO)),
        sandbox=observe_interfaces(sandbox),
    )
    stage.judge(listener_none, about={"port": port}, listeners=observe_listeners(sandbox))
    stage.judge(nat_absent, firewall=observe_firewall(sandbox), container=container)
