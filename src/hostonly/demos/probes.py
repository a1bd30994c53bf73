"""What several demos look at in the same way: connections as steps, and containers by their name."""

from __future__ import annotations

from collections.abc import Sequence

from hostonly.claims.reach import unreachable
from hostonly.demos.clearing import LATE
from hostonly.demos.stage import Stage, Stopped
from hostonly.facts import Fact, NotObserved, together
from hostonly.facts.docker import observe_container
from hostonly.facts.namespaces import NetworkNamespace, observe_namespace_of
from hostonly.facts.reach import Outcome, Reach, observe_reach
from hostonly.facts.routes import route_to
from hostonly.vantages import Result, Vantage
from hostonly.waiting import limit, more_patience, until

LOOPBACK = "127.0.0.1"
# On the sandbox something always listens there: it is how we got in. It speaks first.
SSH_PORT = 22
# The one that HelloSocket has when it is not told another.
DEFAULT_PORT = 8080
# On an emulated machine the eighth time was in time, of 20 s each.
ATTACH_SECONDS = 900.0


def start(
    stage: Stage,
    name: str,
    says: str,
    *options: str,
    on: Vantage | None = None,
    may_fail: bool = False,
) -> None:
    """Run HelloSocket as container ``name``, told to call itself ``says``; it may not listen yet.
    ``on`` is the second sandbox where it is not the first.

    Raises:
        Stopped: it could not be started, and was not told that it ``may_fail``.
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
    """Make container ``name`` anew by ``run``: a manager did not let it onto its overlay network within the
    engine's own limit. The one that was made cannot be started, since the engine goes on to take it for
    attached ("network … not found", seen with Docker 20.10.24).

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
    """Wait until HelloSocket listens in each of these containers. Raises ``Stopped``."""
    for name in names:
        stage.wait_for_listener(stage.site.hello_port, at=stage.namespace(name, on=on))


def wait_beside(stage: Stage, name: str, port: int) -> None:
    """Wait until something listens on ``port`` of the sandbox, whose network container ``name`` shares.

    Raises:
        Stopped: nothing does, or the container has ended: what it logged is shown then.
    """
    # A container with a network of its own takes that with it; this one would be waited for.
    stage.wait_for_listener(port, meanwhile=lambda: _require_running(stage, name))


def _require_running(stage: Stage, name: str) -> None:
    container = observe_container(stage.sandbox, name)
    if isinstance(container, NotObserved) or container.value.running:
        return
    logged = stage.step(stage.sandbox, "docker", "logs", name, may_fail=True)
    last = (logged.output.strip().splitlines() or ["it logged nothing"])[-1]
    raise Stopped(
        f"container {name} ended with {container.value.exit_code}: {last}",
        (*container.evidence, logged),
    )


def connect_once(stage: Stage, vantage: Vantage, address: str, port: int) -> Fact[Reach]:
    """Connect from ``vantage``, as a step; from the host only by the host-only bridge."""
    bridge = stage.site.bridge.name if vantage is stage.host else None
    return stage.probe(lambda: observe_reach(vantage, address, port, bridge=bridge))


def connect(
    stage: Stage, vantage: Vantage, address: str, port: int, *, times: int = 2
) -> Fact[tuple[Reach, ...]]:
    """Connect that often, one after the other."""
    return together([connect_once(stage, vantage, address, port) for _ in range(times)])


def address_of(
    stage: Stage, name: str, network: str | None = None, *, on: Vantage | None = None
) -> str:
    """The address of container ``name`` on ``network``, which may be left out where it has one.

    Raises:
        Stopped: it has none there, or it was not observed; a demo that connects to it ends here.
    """
    container = observe_container(on or stage.sandbox, name)
    if isinstance(container, NotObserved):
        raise Stopped(f"container {name}: not observed: {container.because}", container.evidence)
    addresses = [
        end.address
        for end in container.value.endpoints
        if end.address is not None and network in (None, end.network)
    ]
    if len(addresses) != 1:
        found = ", ".join(addresses) or "none"
        raise Stopped(f"container {name} has not one address, but {found}", container.evidence)
    return addresses[0]


def namespace_of(stage: Stage, name: str) -> Fact[NetworkNamespace]:
    """The network namespace that container ``name`` is in."""
    container = observe_container(stage.sandbox, name)
    if isinstance(container, NotObserved):
        return container
    return observe_namespace_of(stage.sandbox, container.value.pid)


def judge_shut_to_host(stage: Stage, port: int, expected: frozenset[Outcome], target: str) -> None:
    """Claim that the host gets no further than the sandbox's address at ``port``."""
    attempt = connect_once(stage, stage.host, stage.address, port)
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
        way=route_to(stage.host, stage.address),
    )
