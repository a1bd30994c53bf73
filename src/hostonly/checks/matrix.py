"""Who reaches whom, measured: every mode from every place, against what is expected and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hostonly.checks import attack
from hostonly.checks.cells import ROUTED, Facts, Ground, is_doubtful, judge
from hostonly.checks.expectations import Expected, expected_of
from hostonly.checks.field import Field, build, inside, link_with, value_of
from hostonly.checks.places import Place, ask_all
from hostonly.demos.demo import Demo, not_performed, perform
from hostonly.demos.spare import spare_addresses
from hostonly.demos.stage import Stage
from hostonly.demos.testbed import ready
from hostonly.errors import HostonlyError
from hostonly.events import Emit, Event, Progress, Started, Warned
from hostonly.facts import Fact, Observed
from hostonly.facts.batch import Look
from hostonly.facts.engine import observe_engine
from hostonly.facts.interfaces import observe_interfaces
from hostonly.facts.reach import NEIGHBOUR_SECONDS, reach_look
from hostonly.facts.routes import observe_routes, way_look
from hostonly.report.model import Cell, MatrixResult, StepStarted
from hostonly.site import SSH_PORT, Site
from hostonly.vantages import Vantage

NAME = "check-matrix"
# Silence is believed when it was there again and again.
ATTEMPTS = 3
# What a container has; the second one on an overlay leads to its sandbox.
PEER_LINKS = frozenset({"lo", "eth0", "eth1"})
LOOPBACK = attack.LOOPBACK


def check(site: Site, emit: Emit) -> MatrixResult:
    """Bring both sandboxes up, measure, and remove everything again, whatever happens."""
    start = time.monotonic()
    measured = _Measured()
    matrix = Demo(NAME, "who reaches whom", measured.run)
    try:
        with ready(site, emit, "check.matrix", second=True) as testbed:
            emit(Started("measuring who reaches whom"))
            result = perform(matrix, testbed, _quietly(emit))
            engine = testbed.about.engine
    except HostonlyError as error:
        result, engine = not_performed(matrix, site, error), ""
    except KeyboardInterrupt as interrupt:
        result, engine = not_performed(matrix, site, HostonlyError("interrupted")), ""
        result = replace(result, interrupt=interrupt)
    cells = tuple(measured.cells)
    judged = {id(each.claim) for each in cells}
    return MatrixResult(
        engine,
        cells,
        tuple(measured.options.items()),
        tuple(claim for claim in result.claims if id(claim) not in judged),
        time.monotonic() - start,
        result.interrupt,
    )


def _quietly(emit: Emit) -> Emit:
    """Steps as progress: what the matrix shows of them is the evidence of its cells."""

    def pass_on(event: Event) -> None:
        match event:
            case StepStarted(prompt, command):
                emit(Progress(f"{prompt}$ {command}"))
            case Started() | Progress() | Warned():
                emit(event)

    return pass_on


class _Measured:
    """The cells, as the stage's run fills them in."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self.options: dict[str, str] = {}

    def run(self, stage: Stage) -> None:
        """Make the containers, ask, and judge."""
        second = stage.second_sandbox
        engine = value_of(observe_engine(stage.sandbox), "the engine")
        links = {
            vantage.name: link_with(value_of(observe_interfaces(vantage), "interfaces"), address)
            for vantage, address in (
                (stage.sandbox, stage.address),
                (second, stage.site.machine("sandbox2").address),
            )
        }
        spare = spare_addresses(stage, second, links[second.name], 2)
        field = build(stage, links[stage.sandbox.name], spare)
        self.options = {name: row.options for name, row in field.rows.items()}
        ground = Ground(stage, field, _places(stage, second, field, links[second.name]))
        expected = expected_of(engine.release)
        plain = [each for each in expected if each.vantage != ROUTED]
        routed = [each for each in expected if each.vantage == ROUTED]
        for measure, cells in ((_look, plain), (_attack, routed)):
            settled = _settled(ground, measure, cells)
            self.cells += [judge(ground, each, settled[each]) for each in cells]


def _settled(
    ground: Ground, measure: Callable[[Ground, list[Expected]], Facts], expected: list[Expected]
) -> dict[Expected, Facts]:
    """The facts that decide each cell. What may have been late is measured again, with its own
    controls, and then with fewer others at the same time."""
    asked = expected
    settled: dict[Expected, Facts] = {}
    for _ in range(ATTEMPTS):
        facts = measure(ground, asked)
        settled |= dict.fromkeys(asked, facts)
        asked = [each for each in asked if is_doubtful(ground, each, facts)]
        if not asked:
            break
    return settled


def _places(stage: Stage, second: Vantage, field: Field, second_link: str) -> dict[str, Place]:
    """The places by name; containers' are called ``peer NAME``."""
    hello = field.rows["host"].port
    answers = (stage.address, hello)
    interfaces = value_of(observe_interfaces(stage.sandbox), "the sandbox's interfaces")
    routes = value_of(observe_routes(stage.sandbox), "the sandbox's routes")
    # All but the way out to the rest of the world.
    out = {route.device for route in routes if route.is_default}
    within = frozenset(each.name for each in interfaces) - out
    places = {
        "host": Place("host", stage.host, frozenset({stage.site.bridge.name}), answers),
        "sandbox": Place("sandbox", stage.sandbox, within, (LOOPBACK, hello)),
        "sandbox2": Place("sandbox2", second, frozenset({second_link}), answers),
        # Measured later, with other ways: not to be taken for the one above.
        ROUTED: Place("sandbox2", second, frozenset({second_link}), answers, routed=True),
    }
    for name, (machine, container) in field.peers.items():
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
    """Ask every way first; then connect where the packet stays within, and ask the controls."""
    aims = ground.aims(expected)
    asked = [(place, address) for place, address, _ in aims]
    asked += [(ground.places[place.beyond], to) for place, to in asked if place.beyond]
    ways = ask_all({("way", place, to): (place, way_look(to)) for place, to in asked})
    probes = {
        ("reach", place, address, port): (place, reach_look(address, port, wait=NEIGHBOUR_SECONDS))
        for place, address, port in aims
        if _stays(ground, place, address, ways)
    }
    controls = {
        ("control", place): (place, reach_look(*place.control))
        for place in ground.places.values()
        if place.control is not None
    }
    questions: dict[Any, tuple[Place, Look[Any]]] = {**probes, **controls}
    return {**ways, **ask_all({**questions, **_witnesses(ground, expected)})}


def _witnesses(
    ground: Ground, expected: list[Expected]
) -> dict[tuple[str, str], tuple[Place, Look[Any]]]:
    """Each server asked in its own network."""
    sandbox, rows = ground.places["sandbox"], ground.field.rows
    return {
        ("witness", name): (
            replace(sandbox, name=f"container {row.mode.container}", prefix=inside(row.pid)),
            reach_look(LOOPBACK, row.port),
        )
        for name, row in rows.items()
        if any(each.mode == name for each in expected)
    }


def _stays(ground: Ground, place: Place, address: str, ways: Mapping[Any, Fact[Any]]) -> bool:
    """Whether a packet stays in the networks looked at; what a container sends to its gateway goes
    its sandbox's way from there."""
    way = ways["way", place, address]
    if not place.keeps(way):
        return False
    if place.beyond is None or (isinstance(way, Observed) and way.value.gateway is None):
        return True
    beyond = ground.places[place.beyond]
    return beyond.keeps(ways["way", beyond, address])


def _attack(ground: Ground, expected: list[Expected]) -> Facts:
    """Let the second sandbox try, with routes set: ways and attempts, with a control of that time."""
    attacker = ground.places[ROUTED]
    (link,) = attacker.within
    aims = ground.aims(expected)
    addresses = [address for _, address, _ in aims]
    done = attack.set_routes(ground.stage, attacker.at, link, addresses)
    ways = ask_all(
        {("way", attacker, to): (attacker, attack.route_way(to)) for to in dict.fromkeys(addresses)}
    )
    for to, result in done.items():
        way = ways["way", attacker, to]
        ways["way", attacker, to] = replace(way, evidence=(result, *way.evidence))
    questions: dict[Any, tuple[Place, Look[Any]]] = {
        ("reach", attacker, to, port): (attacker, attack.attempt(to, port))
        for _, to, port in aims
        if attacker.keeps(ways["way", attacker, to])
    }
    if attacker.control is not None:
        questions["control", attacker] = (attacker, reach_look(*attacker.control))
    return {**ways, **ask_all({**questions, **_witnesses(ground, expected)})}
