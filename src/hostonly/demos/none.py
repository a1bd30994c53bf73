"""No networking: the container has loopback and nothing else. Nobody reaches it but itself.

The page that goes with it is docs/demo-none.md.
"""

from __future__ import annotations

from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.listeners import listener_none
from hostonly.claims.namespaces import namespace_own
from hostonly.claims.networks import interfaces_lo
from hostonly.claims.reach import SHUT, route_none, unreachable
from hostonly.demos.probes import (
    LOOPBACK,
    SSH_PORT,
    connect,
    connect_once,
    judge_shut_to_host,
    namespace_of,
    start,
    wait_for_hello,
)
from hostonly.demos.stage import Stage
from hostonly.facts.docker import observe_container
from hostonly.facts.interfaces import listed_in
from hostonly.facts.listeners import observe_listeners
from hostonly.facts.namespaces import observe_namespace_of
from hostonly.facts.routes import route_to

HELLO = "hello"
NAME = "none"


def run(stage: Stage) -> None:
    """Start a container without a network, and try to reach it and to get out of it."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    stage.require_free_port(port)
    start(stage, HELLO, NAME, "--network", "none")
    wait_for_hello(stage, HELLO)
    listing = stage.step(sandbox, "docker", "exec", HELLO, "ip", "addr")
    stage.step(sandbox, "docker", "exec", HELLO, "ip", "route")

    itself = stage.container(HELLO)
    answers = connect(stage, itself, LOOPBACK, port)
    stage.judge(
        hello_rises,
        about={"place": "container", "name": NAME, "address": LOOPBACK, "port": port},
        answers=answers,
    )
    stage.judge(
        route_none,
        about={"place": "container", "address": stage.address},
        attempt=connect_once(stage, itself, stage.address, SSH_PORT),
        control=connect_once(stage, itself, LOOPBACK, port),
        way=route_to(stage.namespace(HELLO), stage.address),
    )
    stage.judge(
        unreachable,
        about={
            "topic": "sandbox",
            "place": "sandbox",
            "target": "the container",
            "address": LOOPBACK,
            "port": port,
            "expected": SHUT,
            "device": "lo",
        },
        attempt=connect_once(stage, sandbox, LOOPBACK, port),
        control=connect_once(stage, sandbox, LOOPBACK, SSH_PORT),
        way=route_to(sandbox, LOOPBACK),
    )
    judge_shut_to_host(stage, port, SHUT, "the container")

    container = observe_container(sandbox, HELLO)
    stage.judge(image_built, about={"image_id": stage.image_id}, container=container)
    own = observe_namespace_of(sandbox, 1)
    stage.judge(namespace_own, container=namespace_of(stage, HELLO), sandbox=own)
    stage.judge(interfaces_lo, container=listed_in(listing))
    stage.judge(listener_none, about={"port": port}, listeners=observe_listeners(sandbox))
