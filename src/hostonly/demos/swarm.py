"""Two sandboxes as a Docker Swarm, marked as ours, so that the stage makes them leave it again."""

from __future__ import annotations

from hostonly.demos import gossip
from hostonly.demos.leftovers import SWARM_MARK
from hostonly.demos.stage import Stage, Stopped
from hostonly.facts import Fact, NotObserved
from hostonly.facts.docker import Network, observe_network
from hostonly.facts.engine import observe_engine
from hostonly.vantages import Secret, Vantage

MANAGER_PORT = 2377
# The engine gives a join 20 s, and goes on with it behind this answer (moby, daemon/cluster).
JOINS_LATER = "attempt to join the swarm will continue in the background"

JOIN_SECONDS = 300.0


def join(stage: Stage) -> None:
    """Make the sandboxes a swarm, the first its manager. The engine makes docker_gwbridge itself when
    it joins, unless it is there: made before and with our label, it marks the swarm as ours.

    Raises:
        Stopped: the engines refused, or told no token to join with, or somebody has a swarm's port.
        hostonly.errors.HostonlyError: an engine does not end the gossip of a swarm before this one.
    """
    one, two = stage.address, stage.site.machine("sandbox2").address
    first, second = stage.sandbox, stage.second_sandbox
    for sandbox in (first, second):
        _require_no_swarm(sandbox)
        stage.end_gossip(sandbox)
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
        engine = stage.wait_until(
            lambda: observe_engine(second),
            lambda engine: engine.swarm != "pending",
            f"waiting for {second.name} to join the swarm",
            seconds=JOIN_SECONDS,
        )
        if isinstance(engine, NotObserved) or engine.value.swarm != "active":
            raise Stopped(f"{second.name} did not join the swarm", engine.evidence)


def spanning(stage: Stage, network: str) -> Fact[Network]:
    """The overlay ``network``, on which each sandbox has a container: once both engines know of each
    other, or have had the time for it. Before that a container's packets go nowhere."""
    members = {stage.address, stage.site.machine("sandbox2").address}
    return stage.settle(
        lambda: observe_network(stage.sandbox, network),
        lambda seen: set(seen.peers) == members,
        "waiting for the engines to find each other by gossip",
        seconds=gossip.REJOIN_SECONDS,
    )


def _require_no_swarm(sandbox: Vantage) -> None:
    engine = observe_engine(sandbox)
    if isinstance(engine, NotObserved):
        raise Stopped(
            f"whether the {sandbox.name} is in a swarm was not observed: {engine.because}",
            engine.evidence,
        )
    if engine.value.swarm != "inactive":
        raise Stopped(
            f"the {sandbox.name} is in a swarm that no demo made ({engine.value.swarm}); it was left"
            " alone: `docker swarm leave --force` there leaves it",
            engine.evidence,
        )
