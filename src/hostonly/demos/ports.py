"""Traps of published ports: two addresses, a port that is taken, and a restart of the engine.

The page of this demo is docs/demo-ports.md.
"""

from __future__ import annotations

from hostonly.claims.hello import hello_apart, hello_rises
from hostonly.claims.listeners import listener_published
from hostonly.claims.ports import others_running, port_taken
from hostonly.claims.publishing import dnat_alive, dnat_target
from hostonly.facts import NotObserved, Observed, observe
from hostonly.facts.docker import DockerContainer, container, running
from hostonly.facts.engine import engine
from hostonly.facts.firewall import firewall
from hostonly.facts.listeners import listeners
from hostonly.stage.probes import LOOPBACK, connect, start, wait_for_hello
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped

ONE, TWO, TAKEN, LASTING = "one", "two", "taken", "lasting"
# All of 127.0.0.0/8 is the sandbox's own.
SECOND_LOOPBACK = "127.0.0.2"
REMOVE = ("docker", "rm", "--force", "--volumes")
# systemd refuses to restart a service too often in a minute, as several runs in a row would.
RESTART = "systemctl reset-failed docker && systemctl restart docker"


def run(stage: Stage) -> None:
    """Take the three parts one after the other; each leaves the port free for the next."""
    stage.require_free_port(stage.site.hello_port)
    _two_addresses(stage)
    _taken(stage)
    stage.step(stage.sandbox, *REMOVE, TWO, TAKEN)
    _engine_restarted(stage)


def _two_addresses(stage: Stage) -> None:
    sandbox, port = stage.sandbox, stage.site.hello_port
    start(stage, ONE, ONE, "-p", f"{LOOPBACK}:{port}:{port}")
    start(stage, TWO, TWO, "-p", f"{SECOND_LOOPBACK}:{port}:{port}")
    wait_for_hello(stage, ONE, TWO)
    stage.judge(
        hello_apart,
        about={
            "who": "the sandbox",
            "port": port,
            "here": LOOPBACK,
            "one": ONE,
            "there": SECOND_LOOPBACK,
            "other": TWO,
        },
        first=connect(stage, sandbox, LOOPBACK, port),
        second=connect(stage, sandbox, SECOND_LOOPBACK, port),
    )


def _taken(stage: Stage) -> None:
    """Start a third container on the port of the first one, and again when that one is removed."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    start(stage, TAKEN, TAKEN, "-p", f"{LOOPBACK}:{port}:{port}", may_fail=True)
    stage.step(sandbox, "docker", "ps", "-a")
    stage.judge(port_taken, about={"port": port}, container=observe(sandbox, container(TAKEN)))
    stage.step(sandbox, *REMOVE, ONE)
    stage.step(sandbox, "docker", "start", TAKEN)
    wait_for_hello(stage, TAKEN)
    stage.judge(
        hello_rises,
        about={"place": "sandbox", "name": TAKEN, "address": LOOPBACK, "port": port},
        answers=connect(stage, sandbox, LOOPBACK, port),
    )


def _engine_restarted(stage: Stage) -> None:
    sandbox, port = stage.sandbox, stage.site.hello_port
    start(stage, LASTING, LASTING, "--restart", "always", "-p", f"{port}:{port}")
    wait_for_hello(stage, LASTING)
    connect(stage, stage.host, stage.address, port, times=1)
    before = _restart_engine(stage)
    wait_for_hello(stage, LASTING)
    stage.judge(
        hello_rises,
        about={"place": "host", "name": LASTING, "address": stage.address, "port": port},
        answers=connect(stage, stage.host, stage.address, port),
    )
    rules, lasting = observe(sandbox, firewall()), observe(sandbox, container(LASTING))
    after = observe(sandbox, running())
    stage.judge(
        dnat_target, about={"port": port, "inside": port}, firewall=rules, container=lasting
    )
    stage.judge(dnat_alive, firewall=rules, running=after)
    stage.judge(
        listener_published,
        about={"port": port},
        engine=observe(sandbox, engine()),
        listeners=observe(sandbox, listeners()),
    )
    stage.judge(others_running, about={"ours": LASTING}, before=before, after=after)


def _restart_engine(stage: Stage) -> Observed[tuple[DockerContainer, ...]]:
    """Restart the engine and what it does not restart itself; return what ran before.

    Raises:
        Stopped: a container would be removed when it ends, or could not be started again.
    """
    sandbox = stage.sandbox
    before = observe(sandbox, running())
    if isinstance(before, NotObserved):
        raise Stopped(f"what runs was not observed: {before.because}", before.evidence)
    others = [each for each in before.value if each.name != LASTING]
    passing = [each.name for each in others if each.auto_remove]
    if passing:
        raise Stopped(
            f"{', '.join(passing)} runs with --rm, and would be removed by a restart of the engine;"
            " it was left alone: end it, then run the demo again",
            before.evidence,
        )
    # A container in another one's network needs that other one first.
    others.sort(key=lambda each: each.network_mode.startswith("container:"))
    if others:
        stage.on_exit(sandbox, "docker", "start", *(each.id for each in others))
    stage.step(sandbox, "sudo", "sh", "-c", RESTART)
    stage.wait_until(
        lambda: observe(sandbox, container(LASTING)),
        lambda container: container.running,
        f"waiting for {LASTING} to run again",
    )
    if others:
        stage.undo()
    return before
