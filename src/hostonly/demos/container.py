"""Another container's network: two containers with one namespace, one address, one set of ports.

The page of this demo is docs/demo-container.md.
"""

from __future__ import annotations

from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.namespaces import interfaces_joined, namespace_joined
from hostonly.claims.ports import port_shared
from hostonly.facts import observe
from hostonly.facts.docker import container
from hostonly.facts.interfaces import listed_in
from hostonly.facts.logs import logs
from hostonly.facts.namespaces import namespace, namespace_of
from hostonly.stage.probes import (
    LOOPBACK,
    address_of,
    connect,
    start,
    wait_for_hello,
)
from hostonly.stage.stage import Stage

HELLO, JOINED, THIRD = "hello", "joined", "third"
NAME = "container"


def run(stage: Stage) -> None:
    """Start a container on the default bridge and two more in its network."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    other = port + 1 if port < 65535 else port - 1
    join = ("--network", f"container:{HELLO}")
    start(stage, HELLO, NAME)
    wait_for_hello(stage, HELLO)
    start(stage, JOINED, JOINED, *join, "--env", f"HELLO_PORT={other}")
    stage.wait_for_listener(other, at=stage.namespace(HELLO))
    start(stage, THIRD, THIRD, *join)
    # The container ends by itself, since the port is taken; `docker wait` tells its exit status.
    stage.step(sandbox, "docker", "wait", THIRD)
    stage.step(sandbox, "docker", "ps", "-a")
    logged = stage.probe(observe(sandbox, logs(THIRD)))
    first = stage.step(sandbox, "docker", "exec", HELLO, "ip", "addr")
    second = stage.step(sandbox, "docker", "exec", JOINED, "ip", "addr")

    address = address_of(stage, HELLO)
    for place, vantage, target, name, number in (
        (f"container {JOINED}", stage.container(JOINED), LOOPBACK, NAME, port),
        (f"container {HELLO}", stage.container(HELLO), LOOPBACK, JOINED, other),
        ("sandbox", sandbox, address, JOINED, other),
    ):
        answers = connect(stage, vantage, target, number)
        about: dict[str, object] = {"place": place, "name": name, "address": target, "port": number}
        stage.judge(hello_rises, about=about, answers=answers)

    pair: dict[str, object] = {"first": HELLO, "second": JOINED}
    stage.judge(
        namespace_joined,
        about=pair,
        one=observe(sandbox, namespace_of(HELLO)),
        other=observe(sandbox, namespace_of(JOINED)),
        sandbox=observe(sandbox, namespace()),
    )
    stage.judge(interfaces_joined, about=pair, one=listed_in(first), other=listed_in(second))
    stage.judge(
        port_shared,
        about={"name": THIRD, "port": port, "first": HELLO},
        container=observe(sandbox, container(THIRD)),
        logs=logged,
    )
    built = observe(sandbox, container(JOINED))
    stage.judge(image_built, about={"image_id": stage.image_id}, container=built)
