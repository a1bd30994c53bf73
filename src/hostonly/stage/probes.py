"""Steps and looks that several demos share: connections, and containers by their name."""

from __future__ import annotations

from collections.abc import Sequence

from hostonly.claims.reach import unreachable
from hostonly.facts import Fact, NotObserved, observe, together
from hostonly.facts.docker import container
from hostonly.facts.reach import Outcome, Reach, reach
from hostonly.facts.routes import route_to
from hostonly.site import SSH_PORT
from hostonly.stage.clearing import LATE
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped, require
from hostonly.vantages import Container, Result, Vantage
from hostonly.waiting import limit, more_patience, until

LOOPBACK = "127.0.0.1"
# HelloSocket's port where HELLO_PORT is not set.
DEFAULT_PORT = 8080
# On an emulated machine the eighth try succeeded, of 20 s each.
ATTACH_SECONDS = 900.0


def start(
    stage: Stage,
    name: str,
    says: str,
    *options: str,
    on: Vantage | None = None,
    may_fail: bool = False,
) -> None:
    """Run HelloSocket as container ``name``, which calls itself ``says``; it may not listen yet.

    ``on`` is the sandbox to run it on; by default the first.

    Raises:
        Stopped: it could not be started, and ``may_fail`` was not set.
    """
    port = stage.site.hello_port
    if port != DEFAULT_PORT:
        # First, so that what a demo asks for itself counts.
        options = ("--env", f"HELLO_PORT={port}", *options)
    run = ("docker", "run", "-d", "--name", name, *stage.labels, *options, stage.image, says)
    sandbox = on or stage.sandbox
    made = stage.step(sandbox, *run, may_fail=may_fail, goes_on=LATE)
    if LATE in made.output and not made.ok:
        run_again(stage, sandbox, name, run)


def run_again(stage: Stage, sandbox: Vantage, name: str, run: Sequence[str]) -> None:
    """Make container ``name`` anew by ``run``, until a manager lets it onto its overlay network.

    The manager did not do so within the engine's own limit. The container that was made then cannot
    be started, since it counts as attached ("network … not found", seen with Docker 20.10.24).

    Raises:
        Stopped: it could not be started.
    """

    def again() -> Result:
        stage.step(sandbox, "docker", "rm", "--force", "--volumes", name)
        return stage.step(sandbox, *run, goes_on=LATE)

    made = until(again, lambda result: result.ok, ATTACH_SECONDS)
    if not made.ok:
        what = f"container {name} did not start within {limit(ATTACH_SECONDS):g} s"
        raise Stopped(what, (made,), remedy=more_patience())


def wait_for_hello(stage: Stage, *names: str, on: Vantage | None = None) -> None:
    """Wait until HelloSocket listens in each of the containers called ``names``.

    Raises:
        Stopped: it does not, or that could not be observed.
    """
    for name in names:
        stage.wait_for_listener(stage.site.hello_port, at=stage.namespace(name, on=on))


def wait_beside(stage: Stage, name: str, port: int) -> None:
    """Wait until something listens on ``port`` of the sandbox, whose network ``name`` shares.

    Raises:
        Stopped: nothing does, or the container has ended: then what it logged is shown.
    """
    # A container with its own network takes that network with it when it ends, which ends the wait.
    # This one shares the sandbox's: without the look we would wait for a container that has ended.
    stage.wait_for_listener(port, meanwhile=lambda: _require_running(stage, name))


def _require_running(stage: Stage, name: str) -> None:
    seen = observe(stage.sandbox, container(name))
    if isinstance(seen, NotObserved) or seen.value.running:
        return
    logged = stage.step(stage.sandbox, "docker", "logs", name, may_fail=True)
    last = (logged.output.strip().splitlines() or ["it logged nothing"])[-1]
    raise Stopped(
        f"container {name} ended with {seen.value.exit_code}: {last}",
        (*seen.evidence, logged),
    )


def connect_once(stage: Stage, vantage: Vantage, address: str, port: int) -> Fact[Reach]:
    """Connect from ``vantage``, as a step; from the host only by the host-only bridge."""
    bridge = stage.site.bridge.name if vantage is stage.host else None
    busybox = isinstance(vantage, Container)
    return stage.probe(observe(vantage, reach(address, port, bridge=bridge, busybox=busybox)))


def connect(
    stage: Stage, vantage: Vantage, address: str, port: int, *, times: int = 2
) -> Fact[tuple[Reach, ...]]:
    """Connect ``times`` times, one after the other."""
    return together([connect_once(stage, vantage, address, port) for _ in range(times)])


def address_of(
    stage: Stage, name: str, network: str | None = None, *, on: Vantage | None = None
) -> str:
    """Return the one address of container ``name``, on ``network`` if that is given.

    Raises:
        Stopped: it has none there or several, or it was not observed.
    """
    seen = observe(on or stage.sandbox, container(name))
    addresses = [
        end.address
        for end in require(seen, f"container {name}").endpoints
        if end.address is not None and network in (None, end.network)
    ]
    if len(addresses) != 1:
        found = ", ".join(addresses) or "none"
        raise Stopped(f"container {name} has not one address, but {found}", seen.evidence)
    return addresses[0]


def judge_shut_to_host(stage: Stage, port: int, expected: frozenset[Outcome], target: str) -> None:
    """Claim that the host gets no further than the sandbox's address at ``port``."""
    attempt = connect_once(stage, stage.host, stage.address, port)
    # On the sandbox sshd always listens there, since we logged in by it. A server of SSH speaks first.
    control = connect_once(stage, stage.host, stage.address, SSH_PORT)
    stage.judge(
        unreachable,
        about={
            "topic": "host",
            "place": "host",
            "target": target,
            "address": stage.address,
            "port": port,
            "expected": expected,
            "device": stage.site.bridge.name,
        },
        attempt=attempt,
        control=control,
        way=observe(stage.host, route_to(stage.address)),
    )
