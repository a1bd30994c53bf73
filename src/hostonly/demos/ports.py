"""What bites with published ports: one port on two addresses, a port that is taken, and the engine
restarted under a published container.

The page that goes with it is docs/demo-ports.md.
"""

from __future__ import annotations

from hostonly.claims.hello import hello_apart, hello_rises
from hostonly.claims.listeners import listener_published
from hostonly.claims.ports import others_running, port_taken
from hostonly.claims.publishing import dnat_alive, dnat_target
from hostonly.demos.probes import LOOPBACK, connect, start, wait_for_hello
from hostonly.demos.stage import Stage, Stopped
from hostonly.facts import NotObserved, Observed
from hostonly.facts.docker import Container, observe_container, observe_running
from hostonly.facts.engine import observe_engine
from hostonly.facts.firewall import observe_firewall
from hostonly.facts.listeners import observe_listeners

ONE, TWO, TAKEN, LASTING = "one", "two", "taken", "lasting"
# All of 127.0.0.0/8 is the sandbox's own.
SECOND_LOOPBACK = "127.0.0.2"
REMOVE = ("docker", "rm", "--force", "--volumes")
# systemd refuses a service that is restarted too often in a minute; several runs in a row would be.
RESTART = "systemctl reset-failed docker && systemctl restart docker"


def run(stage: Stage) -> None:
    """One after the other; each leaves the port free for the next."""
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
    """A third container wants the port of the first, which is then removed."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    start(stage, TAKEN, TAKEN, "-p", f"{LOOPBACK}:{port}:{port}", may_fail=True)
    stage.step(sandbox, "docker", "ps", "-a")
    stage.judge(port_taken, about={"port": port}, container=observe_container(sandbox, TAKEN))
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
    firewall, container = observe_firewall(sandbox), observe_container(sandbox, LASTING)
    running = observe_running(sandbox)
    stage.judge(
        dnat_target, about={"port": port, "inside": port}, firewall=firewall, container=container
    )
    stage.judge(dnat_alive, firewall=firewall, running=running)
    stage.judge(
        listener_published,
        about={"port": port},
        engine=observe_engine(sandbox),
        listeners=observe_listeners(sandbox),
    )
    stage.judge(others_running, about={"ours": LASTING}, before=before, after=running)


def _restart_engine(stage: Stage) -> Observed[tuple[Container, ...]]:
    """Restart it, and start again what else ran and has no policy that says so; what ran before.

    Raises:
        Stopped: something runs that would be removed as it ends, or could not be started again.
    """
    sandbox = stage.sandbox
    before = observe_running(sandbox)
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
    # Who is in another's network needs that other one first.
    others.sort(key=lambda each: each.network_mode.startswith("container:"))
    if others:
        stage.on_exit(sandbox, "docker", "start", *(each.id for each in others))
    stage.step(sandbox, "sudo", "sh", "-c", RESTART)
    stage.wait_until(
        lambda: observe_container(sandbox, LASTING),
        lambda container: container.running,
        f"waiting for {LASTING} to run again",
    )
    if others:
        stage.undo()
    return before
