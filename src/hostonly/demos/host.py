"""Host networking: the container has no network of its own, it uses the sandbox's.

The page of this demo is docs/demo-host.md.
"""

from __future__ import annotations

from hostonly.claims.firewall import nat_silent
from hostonly.claims.hello import hello_continues, hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.listeners import listener_process
from hostonly.claims.namespaces import interfaces_same, namespace_shared
from hostonly.facts import observe
from hostonly.facts.docker import container, running
from hostonly.facts.firewall import firewall
from hostonly.facts.interfaces import interfaces, listed_in
from hostonly.facts.listeners import listeners
from hostonly.facts.namespaces import namespace, namespace_of
from hostonly.stage.probes import LOOPBACK, connect, start, wait_beside
from hostonly.stage.stage import Stage

# The container, as the tutorial calls it, and what HelloSocket is told to call itself.
HELLO = "hello"
NAME = "host"


def run(stage: Stage) -> None:
    """Take the tutorial's steps, then judge its claims about them."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    stage.require_free_port(port)
    start(stage, HELLO, NAME, "--network", "host")
    wait_beside(stage, HELLO, port)
    stage.step(sandbox, "docker", "ps")
    listing = stage.step(sandbox, "docker", "exec", HELLO, "ip", "addr")
    stage.step(sandbox, "sudo", "netstat", "-tlnp")
    stage.step(sandbox, "sudo", "iptables", "-t", "nat", "-L", "-n", may_fail=True)

    host_answers = connect(stage, stage.host, stage.address, port, times=3)
    sandbox_answers = connect(stage, sandbox, LOOPBACK, port)

    hello = observe(sandbox, container(HELLO))
    stage.judge(image_built, about={"image_id": stage.image_id}, container=hello)
    stage.judge(
        namespace_shared,
        container=observe(sandbox, namespace_of(HELLO)),
        sandbox=observe(sandbox, namespace()),
    )
    stage.judge(
        interfaces_same, container=listed_in(listing), sandbox=observe(sandbox, interfaces())
    )
    stage.judge(
        listener_process,
        about={"port": port, "process": "java"},
        listeners=observe(sandbox, listeners()),
    )
    stage.judge(
        nat_silent,
        about={"port": port},
        firewall=observe(sandbox, firewall()),
        running=observe(sandbox, running()),
    )
    stage.judge(
        hello_rises,
        about={"place": "host", "name": NAME, "address": stage.address, "port": port},
        answers=host_answers,
    )
    stage.judge(
        hello_continues,
        about={"place": "sandbox", "name": NAME, "address": LOOPBACK, "port": port},
        before=host_answers,
        after=sandbox_answers,
    )
