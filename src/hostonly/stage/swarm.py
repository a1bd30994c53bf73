"""A Docker Swarm of two sandboxes, marked as ours, so that the stage makes them leave it again."""

from __future__ import annotations

from hostonly.facts import Fact, NotObserved, observe
from hostonly.facts.docker import DockerNetwork, network
from hostonly.facts.engine import engine
from hostonly.stage import gossip
from hostonly.stage.leftovers import SWARM_MARK
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped
from hostonly.vantages import Secret, Vantage

MANAGER_PORT = 2377
# The engine answers with these words after 20 s, and the join goes on (moby, daemon/cluster).
JOINS_LATER = "attempt to join the swarm will continue in the background"

JOIN_SECONDS = 300.0


def join(stage: Stage) -> None:
    """Make the sandboxes a swarm; the first is its manager.

    An engine makes docker_gwbridge when it joins, unless that exists: made before and with our
    label, this network marks the swarm as ours.

    Raises:
        Stopped: an engine refused, gave no token to join with, or something listens on the swarm's
            port.
        hostonly.errors.HostonlyError: an engine does not end the gossip of an earlier swarm.
    """
    one, two = stage.address, stage.site.machine("sandbox2").address
    first, second = stage.sandbox, stage.second_sandbox
    for sandbox in (first, second):
        _require_no_swarm(sandbox)
        gossip.end(sandbox, stage.step, stage.emit)
        stage.require_free_port(gossip.PORT, at=sandbox)
        bridge = ("-o", f"com.docker.network.bridge.name={SWARM_MARK}")
        apart = ("-o", "com.docker.network.bridge.enable_icc=false")
        create = ("docker", "network", "create", *stage.labels)
        stage.step(sandbox, *create, *bridge, *apart, SWARM_MARK)
    own = ("--advertise-addr", one, "--data-path-addr", one)
    made = stage.step(first, "docker", "swarm", "init", *own)
    if not made.secrets:
        raise Stopped("docker swarm init told no token to join with", (made,))
    # It tells a worker's token; the one of a manager is never asked for.
    token: Secret = made.secrets[0]
    theirs = ("--advertise-addr", two, "--data-path-addr", two)
    manager = f"{one}:{MANAGER_PORT}"
    joined = stage.step(
        second,
        *("docker", "swarm", "join", "--token", token, *theirs, manager),
        goes_on=JOINS_LATER,
    )
    if not joined.ok:
        seen = stage.wait_until(
            lambda: observe(second, engine()),
            lambda engine: engine.swarm != "pending",
            f"waiting for {second.name} to join the swarm",
            seconds=JOIN_SECONDS,
        )
        if seen.value.swarm != "active":
            raise Stopped(f"{second.name} did not join the swarm", seen.evidence)


def spanning(stage: Stage, name: str) -> Fact[DockerNetwork]:
    """Return the overlay network ``name``, on which each sandbox has a container, as a fact.

    Waits until both engines know of each other, or had time for it: until then no packets pass.
    """
    members = {stage.address, stage.site.machine("sandbox2").address}
    return stage.settle(
        lambda: observe(stage.sandbox, network(name)),
        lambda seen: set(seen.peers) == members,
        "waiting for the engines to find each other by gossip",
        seconds=gossip.REJOIN_SECONDS,
    )


def _require_no_swarm(sandbox: Vantage) -> None:
    seen = observe(sandbox, engine())
    if isinstance(seen, NotObserved):
        raise Stopped(
            f"whether the {sandbox.name} is in a swarm was not observed: {seen.because}",
            seen.evidence,
        )
    if seen.value.swarm != "inactive":
        raise Stopped(
            f"the {sandbox.name} is in a swarm that no demo made ({seen.value.swarm}); it was left"
            " alone: `docker swarm leave --force` there leaves it",
            seen.evidence,
        )
