"""Things made wrong on purpose under the demos: each is noticed by a FAILS that names it.

And demos interrupted at any step: nothing of theirs is left, and the next run works.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hostonly.claims import ClaimResult, Verdict
from hostonly.demos import DEMOS, load
from hostonly.facts.sysctl import FORWARDING6
from hostonly.results.judged import DemoResult
from hostonly.site import Site
from hostonly.stage.demo import perform
from hostonly.stage.leftovers import find
from hostonly.stage.testbed import Testbed, ready
from hostonly.vantages import Result, Vantage, shown
from hostonly.waiting import until
from tests.integration.command_line import INV


class Disturbed:
    """A vantage at which something is done as soon as a certain command has been run."""

    def __init__(self, vantage: Vantage, after: str, do: Callable[[Vantage], None]) -> None:
        self.vantage, self.after, self.do = vantage, after, do

    @property
    def name(self) -> str:
        return self.vantage.name

    @property
    def prompt(self) -> str:
        return self.vantage.prompt

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        result = self.vantage.run(argv, stdin=stdin, timeout=timeout)
        if self.after in shown(argv):
            self.after = "\0"
            self.do(self.vantage)
        return result


@pytest.fixture
def testbed(site: Site) -> Iterator[Testbed]:
    with ready(site, lambda event: None, "test") as testbed:
        yield testbed
        assert find(testbed.sandbox) == ()


def run(sandbox: Vantage, *argv: str) -> str:
    result = sandbox.run(argv)
    assert result.ok, result.output
    return result.stdout


def performed(name: str, testbed: Testbed, after: str, do: Callable[[Vantage], None]) -> DemoResult:
    disturbed = Disturbed(testbed.sandbox, after, do)
    result = perform(load(name), replace(testbed, sandbox=disturbed), lambda event: None)
    assert disturbed.after == "\0", "nothing was made wrong"
    return result


def failing(result: DemoResult) -> dict[str, ClaimResult]:
    assert result.verdict is Verdict.FAILS
    return {claim.id: claim for claim in result.claims if claim.verdict is Verdict.FAILS}


def address(sandbox: Vantage, container: str) -> str:
    form = "{{.NetworkSettings.IPAddress}}"
    return run(sandbox, "docker", "container", "inspect", "--format", form, container).strip()


NAT = ("sudo", "iptables", "-t", "nat")


@pytest.mark.parametrize("chain", ["PREROUTING", "DOCKER"])
def test_an_extra_dnat_to_another_container_is_named(testbed: Testbed, chain: str) -> None:
    rules: list[tuple[str, ...]] = []

    def add(sandbox: Vantage) -> None:
        to = f"{address(sandbox, 'neighbour')}:8080"
        match = ("-p", "tcp", "-m", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination", to)
        rules.append((chain, *match))
        # In PREROUTING it takes the packets first; behind the engine's own it takes none.
        how = "-I" if chain == "PREROUTING" else "-A"
        run(sandbox, *NAT, how, chain, *match)

    try:
        failed = failing(performed("publish", testbed, "--name neighbour", add))
    finally:
        for rule in rules:
            run(testbed.sandbox, *NAT, "-D", *rule)
    assert " ".join(rules[0][1:]) in failed["dnat.target"].because
    if chain == "PREROUTING":
        # It is sent to the neighbour, whose port no filter rule lets it in to.
        assert "connection 1: TIMEOUT" in failed["hello.host"].because


def test_docker_proxy_that_was_ended_before(testbed: Testbed) -> None:
    def end(sandbox: Vantage) -> None:
        listening = run(sandbox, "sudo", "ss", "-Hltnp", "sport", "=", ":8080")
        pids = {piece.partition(",")[0] for piece in listening.split("pid=")[1:]}
        assert pids and "docker-proxy" in listening
        run(sandbox, "sudo", "kill", *pids)
        assert until(lambda: not run(sandbox, "ss", "-Hltn", "sport", "=", ":8080"), bool, 20.0)

    failed = failing(performed("publish", testbed, "-L DOCKER", end))
    assert "nothing listens on 8080" in failed["listener.published"].because
    assert "REFUSED" in failed["hello.continues"].because


@contextmanager
def engine_with(sandbox: Vantage, **options: object) -> Iterator[None]:
    """The sandbox's engine, restarted with `options` in its daemon.json, and back again."""
    file = "/etc/docker/daemon.json"
    before = run(sandbox, "sudo", "cat", file)

    def restart(text: str) -> None:
        assert sandbox.run(["sudo", "tee", file], stdin=text).ok
        run(sandbox, "sudo", "systemctl", "reset-failed", "docker")
        run(sandbox, "sudo", "systemctl", "restart", "docker")

    restart(json.dumps({**json.loads(before), **options}))
    try:
        yield
    finally:
        restart(before)


def test_containers_kept_apart(testbed: Testbed) -> None:
    with engine_with(testbed.sandbox, icc=False):
        failed = failing(perform(load("bridge"), testbed, lambda event: None))
    assert list(failed) == ["hello.neighbour"]
    assert "TIMEOUT" in failed["hello.neighbour"].because


def test_an_engine_without_docker_proxy(testbed: Testbed) -> None:
    with engine_with(testbed.sandbox, **{"userland-proxy": False}):
        failed = failing(perform(load("publish"), testbed, lambda event: None))
    assert "listener.published" in failed


@contextmanager
def somebody_elses(testbed: Testbed, *options: str) -> Iterator[None]:
    """A container called elsewhere that no demo made."""
    start = ("docker", "run", "-d", "--name", "elsewhere", "-p", "9000:8080", *options)
    run(testbed.sandbox, *start, testbed.image.reference, "elsewhere")
    try:
        yield
        assert run(testbed.sandbox, "docker", "ps", "-q", "--filter", "name=elsewhere")
    finally:
        testbed.sandbox.run(["docker", "rm", "--force", "elsewhere"])


def test_somebody_elses_published_port(testbed: Testbed) -> None:
    with somebody_elses(testbed):
        on_bridge, in_host_mode, restarted = (
            perform(load(name), testbed, lambda event: None) for name in ("bridge", "host", "ports")
        )
    assert on_bridge.verdict is Verdict.HOLDS
    failed = failing(in_host_mode)
    assert list(failed) == ["nat.silent"]
    assert "(container elsewhere; it goes with `docker stop elsewhere`)" in (
        failed["nat.silent"].because
    )
    again = {claim.id: claim for claim in restarted.claims}["others.running"]
    assert (restarted.verdict, again.because) == (Verdict.HOLDS, "elsewhere")


def test_a_container_that_would_be_lost_with_the_engine_is_not(testbed: Testbed) -> None:
    with somebody_elses(testbed, "--rm"):
        result = perform(load("ports"), testbed, lambda event: None)
    assert result.verdict is Verdict.UNKNOWN
    assert "elsewhere runs with --rm" in result.claims[-1].because
    assert not any("restart docker" in step.command for step in result.steps)


def steps(name: str) -> list[str]:
    """The steps that the demo's page shows, each by its beginning."""
    page = Path(__file__).resolve().parents[2] / "docs" / f"demo-{name}.md"
    lines = [line[4:] for line in page.read_text().splitlines() if line.startswith("    ")]
    commands = [line for line in lines if "$ " in line]
    # Addresses and process numbers differ from run to run; the beginning of a command does not.
    return [re.split(r" (?=\d)", command)[0] for command in commands]


def interrupted(name: str, at: str, number: signal.Signals, cwd: Path) -> None:
    process = subprocess.Popen(
        [*INV, f"demo.{name}"],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(at):
            process.send_signal(number)
            break
    process.communicate(timeout=300)
    assert process.returncode == 130, f"{name} at {at!r}"


def left_on(sandbox: Vantage) -> dict[str, object]:
    """What a demo may leave, with a label and without, and what there is of it where none did."""
    ours = ("ps", "--all", "--quiet", "--filter", "label=com.docker.swarm.service.name")
    links = [item["ifname"] for item in json.loads(run(sandbox, "ip", "-json", "link"))]
    names = run(sandbox, "docker", "network", "ls", "--format", "{{.Name}}").split()
    return {
        "labelled": find(sandbox),
        "links": [name for name in links if name.startswith("hostonly-")],
        "networks": sorted(set(names) - {"bridge", "host", "none"}),
        "tasks": run(sandbox, "docker", *ours),
        "swarm": run(sandbox, "docker", "info", "--format", "{{.Swarm.LocalNodeState}}").strip(),
        "a router for IPv6": run(sandbox, "sysctl", "-n", FORWARDING6).strip(),
    }


NOTHING: dict[str, object] = {
    "labelled": (),
    "links": [],
    "networks": [],
    "tasks": "",
    "swarm": "inactive",
    "a router for IPv6": "0",
}


def check_interrupted(
    sandboxes: Sequence[Vantage], name: str, places: Sequence[str], cwd: Path
) -> None:
    for place, at in enumerate(dict.fromkeys(places)):
        number = (signal.SIGINT, signal.SIGTERM)[place % 2]
        interrupted(name, at, number, cwd)
        for sandbox in sandboxes:
            assert left_on(sandbox) == NOTHING, f"{name} at {at!r}, {sandbox.name}"


@pytest.fixture
def sandboxes(name: str, site: Site) -> list[Vantage]:
    """The sandboxes that the demo needs, ready for demos that run beside us."""
    second = load(name).second_sandbox
    with ready(site, lambda event: None, "test", second=second) as testbed:
        return [testbed.sandbox, *([testbed.second_sandbox()] if second else [])]


@pytest.mark.parametrize("name", ["publish", "user-bridges"])
def test_interrupted_in_the_middle_nothing_is_left(
    sandboxes: list[Vantage], checkout: Path, name: str
) -> None:
    every = steps(name)
    check_interrupted(sandboxes, name, (every[0], every[len(every) // 2]), checkout)


# demo.ipvlan has one step where the kernel has no ipvlan.
@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in DEMOS if name != "ipvlan"])
def test_interrupted_at_any_step_nothing_is_left_and_the_next_run_works(
    sandboxes: list[Vantage], checkout: Path, name: str
) -> None:
    check_interrupted(sandboxes, name, steps(name), checkout)
    done = subprocess.run([*INV, f"demo.{name}"], cwd=checkout, check=False, timeout=600)
    assert done.returncode == 0
