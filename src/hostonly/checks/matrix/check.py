"""The check of who reaches whom: every mode from every place, against what is expected and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hostonly.checks.matrix.attacker import LOOPBACK, attempt, route_way, set_routes
from hostonly.checks.matrix.cells import ROUTED, Facts, Ground, is_doubtful, judge
from hostonly.checks.matrix.containers import Containers, build, inside, link_with
from hostonly.checks.matrix.expectations import Expected, expected_of
from hostonly.checks.matrix.vantages import Place, ask_all
from hostonly.events import Emit, Event, Progress, Started
from hostonly.facts import Fact, Observed, Question, observe
from hostonly.facts.engine import engine
from hostonly.facts.interfaces import interfaces
from hostonly.facts.reach import NEIGHBOUR_SECONDS, reach
from hostonly.facts.routes import route_to, routes
from hostonly.results.judged import Cell, MatrixResult
from hostonly.results.transcript import (
    ClaimJudged,
    DemoEnded,
    DemoStarted,
    StepEnded,
    StepStarted,
)
from hostonly.site import SSH_PORT, Site
from hostonly.stage.demo import Demo, perform_all
from hostonly.stage.free_addresses import spare_addresses
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import require
from hostonly.vantages import Vantage

NAME = "check-matrix"
# Silence is believed when it was there again and again.
ATTEMPTS = 3
# What a container has; the second one on an overlay leads to its sandbox.
PEER_LINKS = frozenset({"lo", "eth0", "eth1"})


def check(site: Site, emit: Emit) -> MatrixResult:
    """Bring both sandboxes up, measure, and remove everything again, whatever happens."""
    measured = _Measured()
    matrix = Demo(NAME, "who reaches whom", measured.run, second_sandbox=True)
    ran = perform_all([matrix], site, _quietly(emit), "check.matrix")
    (result,) = ran.demos
    cells = tuple(measured.cells)
    judged = {id(each.claim) for each in cells}
    return MatrixResult(
        result.sandbox.engine,
        cells,
        tuple(measured.options.items()),
        tuple(claim for claim in result.claims if id(claim) not in judged),
        ran.seconds,
        # Any other trouble is among the claims already.
        ran.trouble if isinstance(ran.trouble, KeyboardInterrupt) else None,
    )


def _quietly(emit: Emit) -> Emit:
    """Return an ``emit`` that shows steps as progress, since the cells have them as evidence."""

    def pass_on(event: Event) -> None:
        match event:
            case StepStarted(prompt, command):
                emit(Progress(f"{prompt}$ {command}"))
            case DemoStarted(_, summary):
                emit(Started(f"measuring {summary}"))
            case StepEnded() | ClaimJudged() | DemoEnded():
                pass
            case _:
                emit(event)

    return pass_on


class _Measured:
    """The cells, which the demo's run fills in."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self.options: dict[str, str] = {}

    def run(self, stage: Stage) -> None:
        """Make the containers, ask, and judge."""
        second = stage.second_sandbox
        release = require(observe(stage.sandbox, engine()), "the engine").release
        links = {
            vantage.name: link_with(require(observe(vantage, interfaces()), "interfaces"), address)
            for vantage, address in (
                (stage.sandbox, stage.address),
                (second, stage.site.machine("sandbox2").address),
            )
        }
        spare = spare_addresses(stage, second, links[second.name], 2)
        containers = build(stage, links[stage.sandbox.name], spare)
        self.options = {name: each.options for name, each in containers.servers.items()}
        ground = Ground(stage, containers, _places(stage, second, containers, links[second.name]))
        expected = expected_of(release)
        plain = [each for each in expected if each.vantage != ROUTED]
        routed = [each for each in expected if each.vantage == ROUTED]
        for measure, cells in ((_look, plain), (_attack, routed)):
            facts = settled(ground, measure, cells)
            self.cells += [judge(ground, each, facts[each]) for each in cells]


def settled(
    ground: Ground, measure: Callable[[Ground, list[Expected]], Facts], expected: list[Expected]
) -> dict[Expected, Facts]:
    """Return the facts that decide each cell; measure again what may have been late.

    A repetition has controls of its own, and fewer cells at the same time."""
    asked = expected
    decided: dict[Expected, Facts] = {}
    for _ in range(ATTEMPTS):
        facts = measure(ground, asked)
        decided |= dict.fromkeys(asked, facts)
        asked = [each for each in asked if is_doubtful(ground, each, facts)]
        if not asked:
            break
    return decided


def _places(
    stage: Stage, second: Vantage, containers: Containers, second_link: str
) -> dict[str, Place]:
    """Return the places by name; those of containers are called ``peer NAME``."""
    hello = containers.servers["host"].port
    answers = (stage.address, hello)
    links = require(observe(stage.sandbox, interfaces()), "the sandbox's interfaces")
    main = require(observe(stage.sandbox, routes()), "the sandbox's routes")
    # All but the way out to the rest of the world.
    out = {route.device for route in main if route.is_default}
    within = frozenset(each.name for each in links) - out
    places = {
        "host": Place("host", stage.host, frozenset({stage.site.bridge.name}), answers),
        "sandbox": Place("sandbox", stage.sandbox, within, (LOOPBACK, hello)),
        "sandbox2": Place("sandbox2", second, frozenset({second_link}), answers),
        # Measured later, with other ways: not to be taken for the one above.
        ROUTED: Place("sandbox2", second, frozenset({second_link}), answers, routed=True),
    }
    for name, (machine, container) in containers.peers.items():
        shares = container.network_mode == "host"
        gateways = [end.gateway for end in container.endpoints if end.gateway]
        control: tuple[str, int] | None = None
        if shares:
            control = (LOOPBACK, hello)
        elif str(stage.site.bridge.address.ip) in gateways:
            # On the host-only network itself, where the second sandbox always answers.
            control = (stage.site.machine("sandbox2").address, SSH_PORT)
        elif machine is second:
            control = answers
        elif gateways:
            control = (gateways[0], hello)
        places[f"peer {name}"] = Place(
            f"container {container.name}",
            machine,
            within if shares else PEER_LINKS,
            control,
            inside(container.pid),
            beyond="sandbox2" if machine is second else "sandbox",
        )
    return places


def _look(ground: Ground, expected: list[Expected]) -> Facts:
    """Ask for every way first; then connect where the packet stays within, and ask the controls."""
    aims = ground.aims(expected)
    asked = [(place, address) for place, address, _ in aims]
    asked += [(ground.places[place.beyond], to) for place, to in asked if place.beyond]
    ways = ask_all({("way", place, to): (place, route_to(to)) for place, to in asked})
    probes = {
        ("reach", place, address, port): (place, reach(address, port, wait=NEIGHBOUR_SECONDS))
        for place, address, port in aims
        if _stays(ground, place, address, ways)
    }
    controls = {
        ("control", place): (place, reach(*place.control))
        for place in ground.places.values()
        if place.control is not None
    }
    questions: dict[Any, tuple[Place, Question[Any]]] = {**probes, **controls}
    return {**ways, **ask_all({**questions, **_witnesses(ground, expected)})}


def _witnesses(
    ground: Ground, expected: list[Expected]
) -> dict[tuple[str, str], tuple[Place, Question[Any]]]:
    """Return the witnesses' questions: each server is asked in its own network."""
    sandbox, servers = ground.places["sandbox"], ground.containers.servers
    return {
        ("witness", name): (
            replace(sandbox, name=f"container {server.mode.container}", prefix=inside(server.pid)),
            reach(LOOPBACK, server.port),
        )
        for name, server in servers.items()
        if any(each.mode == name for each in expected)
    }


def _stays(ground: Ground, place: Place, address: str, ways: Mapping[Any, Fact[Any]]) -> bool:
    """Return whether a packet stays in the networks that are looked at.

    A packet that a container sends to its gateway goes on from there by its sandbox's way."""
    way = ways["way", place, address]
    if not place.keeps(way):
        return False
    if place.beyond is None or (isinstance(way, Observed) and way.value.gateway is None):
        return True
    beyond = ground.places[place.beyond]
    return beyond.keeps(ways["way", beyond, address])


def _attack(ground: Ground, expected: list[Expected]) -> Facts:
    """Set routes on the second sandbox; return ways and attempts, with a control of that time."""
    attacker = ground.places[ROUTED]
    (link,) = attacker.within
    aims = ground.aims(expected)
    addresses = [address for _, address, _ in aims]
    done = set_routes(ground.stage, attacker.at, link, addresses)
    ways = ask_all(
        {("way", attacker, to): (attacker, route_way(to)) for to in dict.fromkeys(addresses)}
    )
    for to, result in done.items():
        way = ways["way", attacker, to]
        ways["way", attacker, to] = replace(way, evidence=(result, *way.evidence))
    questions: dict[Any, tuple[Place, Question[Any]]] = {
        ("reach", attacker, to, port): (attacker, attempt(to, port))
        for _, to, port in aims
        if attacker.keeps(ways["way", attacker, to])
    }
    if attacker.control is not None:
        questions["control", attacker] = (attacker, reach(*attacker.control))
    return {**ways, **ask_all({**questions, **_witnesses(ground, expected)})}
