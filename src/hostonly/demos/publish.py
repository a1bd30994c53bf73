"""A published port: who is rewritten by DNAT, and who goes through docker-proxy.

Counters show the first, and ending docker-proxy shows the second. Last, a port is published on
loopback alone. The page of this demo is docs/demo-publish.md.
"""

from __future__ import annotations

from hostonly.claims.hello import hello_continues, hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.listeners import listener_published
from hostonly.claims.proxy import proxy_needed, proxy_not_needed
from hostonly.claims.publishing import (
    conntrack_gone,
    dnat_alive,
    dnat_bypassed,
    dnat_counts,
    dnat_target,
    filter_accepts,
    rules_gone,
)
from hostonly.claims.reach import SHUT
from hostonly.facts import Fact, observe
from hostonly.facts.conntrack import conntrack
from hostonly.facts.docker import container, running
from hostonly.facts.engine import engine
from hostonly.facts.firewall import firewall
from hostonly.facts.listeners import PROXY, Listener, listeners, on_port
from hostonly.facts.reach import Reach
from hostonly.facts.routes import route_to
from hostonly.stage.probes import (
    LOOPBACK,
    address_of,
    connect,
    connect_once,
    judge_shut_to_host,
    start,
    wait_for_hello,
)
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped, require

HELLO, NEIGHBOUR = "hello", "neighbour"
# The tutorial's name: the container is on the default bridge.
NAME = "bridge"

Answers = Fact[tuple[Reach, ...]]


def run(stage: Stage) -> None:
    """Publish a port, reach it from four places, end docker-proxy, and remove the container."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    stage.require_free_port(port)
    start(stage, HELLO, NAME, "-p", f"{port}:{port}")
    start(stage, NEIGHBOUR, NEIGHBOUR)
    wait_for_hello(stage, HELLO)
    stage.step(sandbox, "docker", "ps")
    stage.step(sandbox, "sudo", "netstat", "-tlnp")
    stage.step(sandbox, "sudo", "iptables", "-t", "nat", "-L", "DOCKER", "-n", "-v")
    stage.step(sandbox, "sudo", "iptables", "-L", "DOCKER", "-n", "-v")

    held = observe(sandbox, listeners())
    _judge_rules(stage, held)
    on_loopback = _judge_ways(stage)
    through_neighbour = _judge_hairpin(stage, NEIGHBOUR, NEIGHBOUR, "The neighbour")
    _judge_hairpin(stage, HELLO, "container", "The container itself")
    _end_proxy(stage, held)
    _judge_without_proxy(stage, on_loopback, through_neighbour)
    _judge_removal(stage)
    _judge_loopback_only(stage)


def _judge_rules(stage: Stage, held: Fact[tuple[Listener, ...]]) -> None:
    sandbox, port = stage.sandbox, stage.site.hello_port
    hello, rules = observe(sandbox, container(HELLO)), observe(sandbox, firewall())
    stage.judge(image_built, about={"image_id": stage.image_id}, container=hello)
    stage.judge(
        listener_published,
        about={"port": port},
        engine=observe(sandbox, engine()),
        listeners=held,
    )
    stage.judge(dnat_target, about={"port": port, "inside": port}, firewall=rules, container=hello)
    stage.judge(dnat_alive, firewall=rules, running=observe(sandbox, running()))


def _judge_ways(stage: Stage) -> Answers:
    """Connect from the host and on the sandbox's loopback, with the counters read between."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    before = observe(sandbox, firewall())
    from_host = connect(stage, stage.host, stage.address, port, times=3)
    between = observe(sandbox, firewall())
    on_loopback = connect(stage, sandbox, LOOPBACK, port)
    after = observe(sandbox, firewall())
    stage.judge(
        hello_rises,
        about={"place": "host", "name": NAME, "address": stage.address, "port": port},
        answers=from_host,
    )
    stage.judge(dnat_counts, about={"port": port}, before=before, after=between, answers=from_host)
    stage.judge(
        filter_accepts,
        about={"inside": port},
        before=before,
        after=between,
        container=observe(sandbox, container(HELLO)),
        answers=from_host,
    )
    stage.judge(
        hello_continues,
        about={"place": "sandbox", "name": NAME, "address": LOOPBACK, "port": port},
        before=from_host,
        after=on_loopback,
    )
    who = f"The sandbox on {LOOPBACK}:{port}"
    stage.judge(
        dnat_bypassed,
        about={"topic": "sandbox", "who": who, "port": port},
        before=between,
        after=after,
        answers=on_loopback,
    )
    return on_loopback


def _judge_hairpin(stage: Stage, name: str, place: str, who: str) -> Answers:
    """Connect from a container to the sandbox's address, which leads back to its own bridge."""
    port = stage.site.hello_port
    before = observe(stage.sandbox, firewall())
    answers = connect(stage, stage.container(name), stage.address, port)
    after = observe(stage.sandbox, firewall())
    stage.judge(
        hello_rises,
        about={"place": place, "name": NAME, "address": stage.address, "port": port},
        answers=answers,
    )
    stage.judge(
        dnat_bypassed,
        about={"topic": place, "who": who, "port": port},
        before=before,
        after=after,
        answers=answers,
    )
    return answers


def _end_proxy(stage: Stage, held: Fact[tuple[Listener, ...]]) -> None:
    """End, by their pids, the processes called docker-proxy that hold our port.

    The engine itself, which may hold it as well, is left alone.
    """
    port = stage.site.hello_port
    pids = _proxies(require(held, PROXY), port)
    if not pids:
        raise Stopped(f"there is no {PROXY} on port {port} to be ended", held.evidence)
    stage.step(stage.sandbox, "sudo", "kill", *map(str, pids))
    stage.wait_until(
        lambda: observe(stage.sandbox, listeners()),
        lambda now: not _proxies(now, port),
        f"waiting for {PROXY} to let go of port {port} of the sandbox",
    )


def _proxies(held: tuple[Listener, ...], port: int) -> tuple[int, ...]:
    here = (holder for each in on_port(held, port) for holder in each.holders)
    return tuple(dict.fromkeys(holder.pid for holder in here if holder.name == PROXY))


def _judge_without_proxy(stage: Stage, on_loopback: Answers, through_neighbour: Answers) -> None:
    sandbox, port = stage.sandbox, stage.site.hello_port
    held = observe(sandbox, listeners())
    from_host = connect(stage, stage.host, stage.address, port)
    stage.judge(
        proxy_not_needed, about={"name": NAME, "port": port}, listeners=held, answers=from_host
    )
    inside = address_of(stage, HELLO)
    neighbour, its = stage.container(NEIGHBOUR), stage.namespace(NEIGHBOUR)
    for topic, vantage, network, address, device, before in (
        ("sandbox", sandbox, sandbox, LOOPBACK, "lo", on_loopback),
        (NEIGHBOUR, neighbour, its, stage.address, "eth0", through_neighbour),
    ):
        stage.judge(
            proxy_needed,
            about={
                "topic": topic,
                "who": f"the {topic}",
                "address": address,
                "port": port,
                "device": device,
            },
            listeners=held,
            before=before,
            after=connect_once(stage, vantage, address, port),
            control=connect_once(stage, vantage, inside, port),
            way=observe(network, route_to(address)),
        )


def _judge_removal(stage: Stage) -> None:
    sandbox, address = stage.sandbox, address_of(stage, HELLO)
    rules, flows = observe(sandbox, firewall()), observe(sandbox, conntrack())
    stage.step(sandbox, "docker", "rm", "--force", "--volumes", HELLO)
    stage.judge(
        rules_gone, about={"address": address}, before=rules, after=observe(sandbox, firewall())
    )
    stage.judge(
        conntrack_gone,
        about={"address": address},
        before=flows,
        after=observe(sandbox, conntrack()),
    )


def _judge_loopback_only(stage: Stage) -> None:
    """Publish the port that was let go a moment ago again, on loopback."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    start(stage, HELLO, NAME, "-p", f"{LOOPBACK}:{port}:{port}")
    wait_for_hello(stage, HELLO)
    answers = connect(stage, sandbox, LOOPBACK, port)
    stage.judge(
        hello_rises,
        about={"place": "sandbox", "name": NAME, "address": LOOPBACK, "port": port},
        answers=answers,
    )
    judge_shut_to_host(stage, port, SHUT, "the port published on loopback")
