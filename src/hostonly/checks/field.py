"""The containers that the matrix is measured with: made side by side, looked up, and waited for.

Everything carries the stage's label, by which the stage removes it when the check ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hostonly.checks.modes import MODES, PEERS, Mode, Peer, free_ports
from hostonly.demos.clearing import LATE
from hostonly.demos.probes import run_again
from hostonly.demos.stage import READY_SECONDS, Stage, Stopped
from hostonly.demos.swarm import join, spanning
from hostonly.errors import HostonlyError
from hostonly.facts import Fact, NotObserved, Observed, select
from hostonly.facts.batch import Look, observe_all, run_at_once
from hostonly.facts.docker import Container, parse_containers
from hostonly.facts.fact import observe
from hostonly.facts.interfaces import Interface, interfaces_look
from hostonly.facts.kernel import missing, observe_capability
from hostonly.facts.listeners import listeners_look, on_port
from hostonly.vantages import Vantage
from hostonly.waiting import limit, more_patience, until

T = TypeVar("T")

# Several images' layers are unpacked and JVMs started at once, on a machine busy with others. The engine
# says itself what it cannot do: this is for one that does not answer at all.
CREATE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Row:
    """A mode with its container: ``address`` is where it is reached, a fact whose value is None
    where it has none; ``options`` are those of ``docker run`` that made it."""

    mode: Mode
    options: str
    port: int
    pid: int
    address: Fact[str | None]


@dataclass(frozen=True, slots=True)
class Field:
    """What was made: ``rows`` by mode, peers' containers by peer with the sandbox each is on, and why
    a mode is ``skipped``, with the attempt that shows it."""

    rows: dict[str, Row]
    peers: dict[str, tuple[Vantage, Container]]
    skipped: dict[str, NotObserved]


def link_with(interfaces: Sequence[Interface], address: str) -> str:
    """The name of the interface that has ``address``.

    Raises:
        Stopped: none has.
    """
    for interface in interfaces:
        if any(str(each.value.ip) == address for each in interface.addresses):
            return interface.name
    raise Stopped(f"no interface has {address}")


def value_of(fact: Fact[T], what: str) -> T:
    """The fact's value. Raises ``Stopped`` where there is none: nothing can be built on it."""
    if isinstance(fact, NotObserved):
        raise Stopped(f"{what}: not observed: {fact.because}", fact.evidence)
    return fact.value


def build(stage: Stage, link: str, spare: Sequence[str]) -> Field:
    """Make networks and containers on the sandbox, whose interface on the host-only network is
    ``link``; returns when every server listens. ``spare`` are two addresses of that network.

    Raises:
        Stopped: the engine refused, or a server did not listen in time.
    """
    sandbox, site = stage.sandbox, stage.site
    lacking = _lacking(sandbox)
    modes = [mode for mode in MODES if _why_not(mode, lacking) is None]
    peers = [peer for peer in PEERS if _why_not(peer, lacking) is None]
    listening = value_of(observe_all(sandbox, {0: listeners_look()})[0], "the sandbox's listeners")
    ports = free_ports((each.port for each in listening), len(modes), site)
    filled = {"link": link, "subnet": str(site.bridge.network)}

    networks = [
        [*_CREATE, *stage.labels, *peer.network.format(**filled).split(), peer.network_name]
        for peer in peers
        if peer.network is not None
    ]
    if any(peer.second for peer in peers):
        join(stage)
    _run(stage, sandbox, networks)
    options = {
        mode.name: mode.options.format(port=port, address=spare[0])
        for mode, port in zip(modes, ports, strict=True)
    }
    servers = {
        mode.name: [
            *_DOCKER_RUN,
            mode.container,
            *stage.labels,
            "--env",
            f"HELLO_PORT={port}",
            *options[mode.name].split(),
            stage.image,
            mode.name,
        ]
        for mode, port in zip(modes, ports, strict=True)
    }
    # A container in another's network has to wait for that other one.
    last = [argv for name, argv in servers.items() if "container:" in options[name]]
    first = [argv for argv in servers.values() if argv not in last]
    near = [peer for peer in peers if not peer.second]
    far = [peer for peer in peers if peer.second]
    idle = [_peer(stage, peer, spare[1]) for peer in near]
    _run(stage, sandbox, [*first, *idle])
    _run(stage, sandbox, last)
    # An overlay is known on the second sandbox once a container on it asks for it.
    beyond = [_peer(stage, peer, spare[1]) for peer in far]
    _run(stage, stage.second_sandbox, beyond)
    for peer in far:
        value_of(spanning(stage, peer.network_name), f"the network {peer.network_name}")

    names = [*(mode.container for mode in modes), *(peer.container for peer in near)]
    inspected = _inspect(sandbox, names)
    containers = {each.name: each for each in value_of(inspected, "our containers")}
    seconds = _inspect(stage.second_sandbox, [peer.container for peer in far])
    others = {each.name: each for each in value_of(seconds, "our containers")}
    pids = [containers[mode.container].pid for mode in modes]
    _wait_for_listeners(sandbox, list(zip(modes, pids, ports, strict=True)))
    found = _addresses(stage, modes, containers, inspected)
    rows = {
        mode.name: Row(mode, options[mode.name], port, pid, found[mode.name])
        for mode, port, pid in zip(modes, ports, pids, strict=True)
    }
    skipped = {mode.name: why for mode in MODES if (why := _why_not(mode, lacking)) is not None}
    looking: dict[str, tuple[Vantage, Container]] = {
        **{peer.name: (sandbox, containers[peer.container]) for peer in near},
        **{peer.name: (stage.second_sandbox, others[peer.container]) for peer in far},
    }
    return Field(rows, looking, skipped)


_CREATE = ("docker", "network", "create")
_DOCKER_RUN = ("docker", "run", "--detach", "--name")


def inside(pid: int) -> tuple[str, ...]:
    """What to write before a command of the sandbox's to run it in the network of process ``pid``."""
    return ("sudo", "nsenter", "--target", str(pid), "--net")


def _inspect(sandbox: Vantage, names: Sequence[str]) -> Fact[tuple[Container, ...]]:
    if not names:
        return Observed((), ())
    return observe(sandbox, ["docker", "container", "inspect", *names], parse_containers)


def _peer(stage: Stage, peer: Peer, address: str) -> list[str]:
    options = peer.options.format(address=address).split()
    run = [*_DOCKER_RUN, peer.container, *stage.labels, "--entrypoint", "sleep", *options]
    return [*run, stage.image, "infinity"]


def _lacking(sandbox: Vantage) -> dict[str, NotObserved]:
    """The capabilities that modes need and the kernel has not, each with the reason to skip."""
    lacking: dict[str, NotObserved] = {}
    for kind in dict.fromkeys(kind for mode in MODES for kind in mode.needs):
        found = observe_capability(sandbox, kind)
        if not value_of(found, f"whether the kernel has {kind}"):
            lacking[kind] = NotObserved(missing(kind), found.evidence)
    return lacking


def _why_not(each: Mode | Peer, lacking: Mapping[str, NotObserved]) -> NotObserved | None:
    return next((lacking[kind] for kind in each.needs if kind in lacking), None)


def _run(stage: Stage, sandbox: Vantage, commands: Sequence[Sequence[str]]) -> None:
    """Run them side by side; each must do it."""
    results = run_at_once(sandbox, commands, timeout=CREATE_SECONDS)
    for command, result in zip(commands, results, strict=True):
        if not result.ok and LATE in result.output and "--name" in command:
            run_again(stage, sandbox, command[command.index("--name") + 1], command)
        elif not result.ok:
            raise Stopped(result.failure, (result,))


def _wait_for_listeners(sandbox: Vantage, servers: Sequence[tuple[Mode, int, int]]) -> None:
    waiting = list(servers)

    def silent() -> list[str]:
        looks = {mode.name: _prefixed(listeners_look(), pid) for mode, pid, _ in waiting}
        seen = observe_all(sandbox, looks)
        waiting[:] = [
            (mode, pid, port)
            for mode, pid, port in waiting
            if not on_port(value_of(seen[mode.name], f"who listens in {mode.container}"), port)
        ]
        return [mode.container for mode, _, _ in waiting]

    late = until(silent, lambda names: not names, READY_SECONDS)
    if late:
        raise Stopped(
            f"HelloSocket does not listen within {limit(READY_SECONDS):.0f} s in {', '.join(late)}",
            remedy=more_patience(),
        )


def _prefixed(look: Look[T], pid: int) -> Look[T]:
    return Look((*inside(pid), *look.argv), look.read)


def _addresses(
    stage: Stage,
    modes: Sequence[Mode],
    containers: dict[str, Container],
    inspected: Fact[tuple[Container, ...]],
) -> dict[str, Fact[str | None]]:
    """Where each mode's container is reached: as the engine says, else as its own network shows."""
    by_id = {container.id: container for container in containers.values()}
    looks = {
        mode.name: _prefixed(interfaces_look(), containers[mode.container].pid) for mode in modes
    }
    shown = observe_all(stage.sandbox, looks)
    found: dict[str, Fact[str | None]] = {}
    for mode in modes:
        container = containers[mode.container]
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
    """The address that the engine told, or any that is there although it told none."""

    def choose(interfaces: Sequence[Interface]) -> str | None:
        there = [
            str(address.value.ip)
            for interface in interfaces
            for address in interface.addresses
            if address.scope == "global" and address.value.version == 4
        ]
        return next(iter([*told, *there]), None)

    return select(shown, choose)
