"""Host networking: the container has no network of its own, it uses the sandbox's.

The page that goes with it is docs/demo-host.md.
"""

from __future__ import annotations

from hostonly.claims.firewall import nat_silent
from hostonly.claims.hello import hello_continues, hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.listeners import listener_process
from hostonly.claims.namespaces import interfaces_same, namespace_shared
from hostonly.demos.probes import LOOPBACK, connect, namespace_of, start, wait_beside
from hostonly.demos.stage import Stage
from hostonly.facts.docker import observe_container, observe_running
from hostonly.facts.firewall import observe_firewall
from hostonly.facts.interfaces import listed_in, observe_interfaces
from hostonly.facts.listeners import observe_listeners
from hostonly.facts.namespaces import observe_namespace_of

# The container, as the tutorial calls it, and what HelloSocket is told to call itself.
HELLO = "hello"
NAME = "host"


def run(stage: Stage) -> None:
    """Take the tutorial's steps, then judge what it says about them."""
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

    container = observe_container(sandbox, HELLO)
    stage.judge(image_built, about={"image_id": stage.image_id}, container=container)
    stage.judge(
        namespace_shared,
        container=namespace_of(stage, HELLO),
        sandbox=observe_namespace_of(sandbox, 1),
    )
    stage.judge(interfaces_same, container=listed_in(listing), sandbox=observe_interfaces(sandbox))
    stage.judge(
        listener_process,
        about={"port": port, "process": "java"},
        listeners=observe_listeners(sandbox),
    )
    stage.judge(
        nat_silent,
        about={"port": port},
        firewall=observe_firewall(sandbox),
        running=observe_running(sandbox),
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
