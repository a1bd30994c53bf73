"""No networking: the container has only loopback, and only the container itself reaches it.

The page of this demo is docs/demo-none.md.
"""

from __future__ import annotations

from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.listeners import listener_none
from hostonly.claims.namespaces import namespace_own
from hostonly.claims.networks import interfaces_lo
from hostonly.claims.reach import SHUT, route_none, unreachable
from hostonly.facts import observe
from hostonly.facts.docker import container
from hostonly.facts.interfaces import listed_in
from hostonly.facts.listeners import listeners
from hostonly.facts.namespaces import namespace, namespace_of
from hostonly.facts.routes import route_to
from hostonly.site import SSH_PORT
from hostonly.stage.probes import (
    LOOPBACK,
    connect,
    connect_once,
    judge_shut_to_host,
    start,
    wait_for_hello,
)
from hostonly.stage.stage import Stage

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
        way=observe(stage.namespace(HELLO), route_to(stage.address)),
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
        way=observe(sandbox, route_to(LOOPBACK)),
    )
    judge_shut_to_host(stage, port, SHUT, "the container")

    hello = observe(sandbox, container(HELLO))
    stage.judge(image_built, about={"image_id": stage.image_id}, container=hello)
    own = observe(sandbox, namespace())
    stage.judge(namespace_own, container=observe(sandbox, namespace_of(HELLO)), sandbox=own)
    stage.judge(interfaces_lo, container=listed_in(listing))
    stage.judge(listener_none, about={"port": port}, listeners=observe(sandbox, listeners()))
