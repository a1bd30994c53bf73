"""The containers that the matrix is measured with: made side by side, looked up, and waited for.

Everything carries the stage's label, by which the stage removes it when the check ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostonly.checks.matrix.modes import MODES, PEERS, Mode, Peer, free_ports
from hostonly.errors import HostonlyError
from hostonly.facts import Fact, NotObserved, Observed, observe, observe_all, select
from hostonly.facts.batch import run_at_once
from hostonly.facts.docker import DockerContainer, containers
from hostonly.facts.interfaces import Interface, interfaces
from hostonly.facts.kernel import capability, missing
from hostonly.facts.listeners import listeners, on_port
from hostonly.stage.clearing import LATE
from hostonly.stage.probes import run_again
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped, require
from hostonly.stage.swarm import join, spanning
from hostonly.stage.wait import READY_SECONDS
from hostonly.vantages import Vantage
from hostonly.waiting import limit, more_patience, until

# Several images' layers are unpacked and JVMs started at once, on a machine busy with others. The engine
# says itself what it cannot do: this is for one that does not answer at all.
CREATE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A mode's container before it is made: its port, and its ``options`` of ``docker run``."""

    mode: Mode
    port: int
    options: str

    def command(self, stage: Stage) -> list[str]:
        """Return the command that makes the container."""
        run = [*_DOCKER_RUN, self.mode.container, *stage.labels, "--env", f"HELLO_PORT={self.port}"]
        return [*run, *self.options.split(), stage.image, self.mode.name]


@dataclass(frozen=True, slots=True)
class Server:
    """A mode with its container, made with ``options`` of ``docker run``.

    ``address`` is where it is reached, a fact whose value is None where it has no address."""

    mode: Mode
    options: str
    port: int
    pid: int
    address: Fact[str | None]


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers that were made: ``servers`` by mode, ``peers`` by name, each with its sandbox.

    ``skipped`` has the modes that could not be made: why, with the attempt that shows it."""

    servers: dict[str, Server]
    peers: dict[str, tuple[Vantage, DockerContainer]]
    skipped: dict[str, NotObserved]


def link_with(interfaces: Sequence[Interface], address: str) -> str:
    """Return the name of the interface that has ``address``.

    Raises:
        Stopped: none has.
    """
    for interface in interfaces:
        if any(str(each.value.ip) == address for each in interface.addresses):
            return interface.name
    raise Stopped(f"no interface has {address}")


def build(stage: Stage, link: str, spare: Sequence[str]) -> Containers:
    """Make networks and containers on the sandbox; return when every server listens.

    ``link`` is its interface on the host-only network, ``spare`` are two addresses of that network.

    Raises:
        Stopped: the engine refused, or a server did not listen in time.
    """
    sandbox, site = stage.sandbox, stage.site
    lacking = lacking_of(sandbox)
    skipped = {mode.name: why for mode in MODES if (why := why_not(mode, lacking)) is not None}
    modes = [mode for mode in MODES if mode.name not in skipped]
    peers = [peer for peer in PEERS if why_not(peer, lacking) is None]
    near = [peer for peer in peers if not peer.second]
    far = [peer for peer in peers if peer.second]
    listening = require(observe(sandbox, listeners()), "the sandbox's listeners")
    ports = free_ports((each.port for each in listening), len(modes), site)
    plans = [
        Plan(mode, port, mode.options.format(port=port, address=spare[0]))
        for mode, port in zip(modes, ports, strict=True)
    ]
    if far:
        join(stage)
    _make_networks(stage, peers, link)
    _start(stage, plans, [_peer(stage, peer, spare[1]) for peer in near])
    # An overlay is known on the second sandbox once a container on it asks for it.
    run_each(stage, stage.second_sandbox, [_peer(stage, peer, spare[1]) for peer in far])
    for peer in far:
        require(spanning(stage, peer.network_name), f"the network {peer.network_name}")

    names = [*(mode.container for mode in modes), *(peer.container for peer in near)]
    inspected = _inspect(sandbox, names)
    made = {each.name: each for each in require(inspected, "our containers")}
    beyond = _inspect(stage.second_sandbox, [peer.container for peer in far])
    others = {each.name: each for each in require(beyond, "our containers")}
    pids = [made[mode.container].pid for mode in modes]
    wait_for_listeners(sandbox, list(zip(modes, pids, ports, strict=True)))
    found = _addresses(stage, modes, made, inspected)
    servers = {
        plan.mode.name: Server(plan.mode, plan.options, plan.port, pid, found[plan.mode.name])
        for plan, pid in zip(plans, pids, strict=True)
    }
    looking: dict[str, tuple[Vantage, DockerContainer]] = {
        **{peer.name: (sandbox, made[peer.container]) for peer in near},
        **{peer.name: (stage.second_sandbox, others[peer.container]) for peer in far},
    }
    return Containers(servers, looking, skipped)


def _make_networks(stage: Stage, peers: Sequence[Peer], link: str) -> None:
    filled = {"link": link, "subnet": str(stage.site.bridge.network)}
    networks = [
        [*_CREATE, *stage.labels, *peer.network.format(**filled).split(), peer.network_name]
        for peer in peers
        if peer.network is not None
    ]
    run_each(stage, stage.sandbox, networks)


def _start(stage: Stage, plans: Sequence[Plan], peers: Sequence[list[str]]) -> None:
    """Start servers and ``peers``, and last the servers that use another container's network."""
    last = [plan for plan in plans if "container:" in plan.options]
    first = [plan for plan in plans if plan not in last]
    run_each(stage, stage.sandbox, [*(plan.command(stage) for plan in first), *peers])
    run_each(stage, stage.sandbox, [plan.command(stage) for plan in last])


_CREATE = ("docker", "network", "create")
_DOCKER_RUN = ("docker", "run", "--detach", "--name")


def inside(pid: int) -> tuple[str, ...]:
    """Return what to write before a command to run it in the network of process ``pid``."""
    return ("sudo", "nsenter", "--target", str(pid), "--net")


def _inspect(sandbox: Vantage, names: Sequence[str]) -> Fact[tuple[DockerContainer, ...]]:
    if not names:
        return Observed((), ())
    return observe(sandbox, containers(*names))


def _peer(stage: Stage, peer: Peer, address: str) -> list[str]:
    options = peer.options.format(address=address).split()
    run = [*_DOCKER_RUN, peer.container, *stage.labels, "--entrypoint", "sleep", *options]
    return [*run, stage.image, "infinity"]


def lacking_of(sandbox: Vantage) -> dict[str, NotObserved]:
    """Return the capabilities that modes need and the kernel lacks, with the reason to skip."""
    lacking: dict[str, NotObserved] = {}
    for kind in dict.fromkeys(kind for mode in MODES for kind in mode.needs):
        found = observe(sandbox, capability(kind))
        if not require(found, f"whether the kernel has {kind}"):
            lacking[kind] = NotObserved(missing(kind), found.evidence)
    return lacking


def why_not(each: Mode | Peer, lacking: Mapping[str, NotObserved]) -> NotObserved | None:
    """Return what is lacking of the needs of ``each``; None where nothing is."""
    return next((lacking[kind] for kind in each.needs if kind in lacking), None)


def run_each(stage: Stage, sandbox: Vantage, commands: Sequence[Sequence[str]]) -> None:
    """Run ``commands`` side by side.

    Raises:
        Stopped: one failed.
    """
    results = run_at_once(sandbox, commands, timeout=CREATE_SECONDS)
    for command, result in zip(commands, results, strict=True):
        if not result.ok and LATE in result.output and "--name" in command:
            run_again(stage, sandbox, command[command.index("--name") + 1], command)
        elif not result.ok:
            raise Stopped(result.failure, (result,))


def wait_for_listeners(sandbox: Vantage, servers: Sequence[tuple[Mode, int, int]]) -> None:
    """Wait until each of ``servers`` listens: a mode, its container's process id, and its port.

    Raises:
        Stopped: one does not in time.
    """
    waiting = list(servers)

    def silent() -> list[str]:
        each_there = {mode.name: listeners().behind(*inside(pid)) for mode, pid, _ in waiting}
        seen = observe_all(sandbox, each_there)
        waiting[:] = [
            (mode, pid, port)
            for mode, pid, port in waiting
            if not on_port(require(seen[mode.name], f"who listens in {mode.container}"), port)
        ]
        return [mode.container for mode, _, _ in waiting]

    late = until(silent, lambda names: not names, READY_SECONDS)
    if late:
        raise Stopped(
            f"HelloSocket does not listen within {limit(READY_SECONDS):.0f} s in {', '.join(late)}",
            remedy=more_patience(),
        )


def _addresses(
    stage: Stage,
    modes: Sequence[Mode],
    made: dict[str, DockerContainer],
    inspected: Fact[tuple[DockerContainer, ...]],
) -> dict[str, Fact[str | None]]:
    """Return where each mode's container is reached: as the engine says, else as it shows."""
    by_id = {container.id: container for container in made.values()}
    questions = {
        mode.name: interfaces().behind(*inside(made[mode.container].pid)) for mode in modes
    }
    shown = observe_all(stage.sandbox, questions)
    found: dict[str, Fact[str | None]] = {}
    for mode in modes:
        container = made[mode.container]
        kind, _, other = container.network_mode.partition(":")
        if kind == "host":
            found[mode.name] = Observed(stage.address, inspected.evidence)
        elif kind == "container" and other not in by_id:
            raise HostonlyError(f"{container.name} is in the network of a stranger: {other}")
        else:
            told = (by_id[other] if other else container).addresses
            found[mode.name] = _reached(shown[mode.name], told)
    return found


def _reached(shown: Fact[Sequence[Interface]], told: tuple[str, ...]) -> Fact[str | None]:
    """Return the address that the engine ``told``, or any that is there although it told none."""

    def choose(interfaces: Sequence[Interface]) -> str | None:
        there = [
            str(address.value.ip)
            for interface in interfaces
            for address in interface.addresses
            if address.scope == "global" and address.value.version == 4
        ]
        return next(iter([*told, *there]), None)

    return select(shown, choose)
