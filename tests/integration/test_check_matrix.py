"""check.matrix on two real sandboxes: as it should be, with things made wrong, and interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hostonly.checks.matrix.attacker import PROTOCOL
from hostonly.process import as_root
from hostonly.site import Site
from hostonly.waiting import until
from tests.integration.command_line import COPY, INV, answer, inside, without_br_netfilter

MATRIX = [*INV, "check.matrix", "--json"]

OURS = ("--filter", "label=hostonly.demo=check-matrix")

Cells = dict[tuple[str, str, str], dict[str, Any]]


def run(argv: list[str]) -> str:
    done = subprocess.run(argv, cwd=COPY, capture_output=True, timeout=300, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def matrix() -> tuple[int, dict[str, Any], Cells]:
    """The check's exit code, its document, and the cells by mode, target and vantage."""
    code, document = answer("check.matrix", timeout=900.0)
    cells = {(c["mode"], c["target"], c["vantage"]): c for c in document["cells"]}
    return code, document, cells


def changed(cells: Cells) -> dict[tuple[str, str, str], str]:
    """What was observed where it was not what was expected."""
    return {key: str(c["observed"]) for key, c in cells.items() if c["verdict"] != "HOLDS"}


@contextmanager
def wrong(do: list[str], undo: list[str]) -> Iterator[None]:
    """Something made wrong, and put right again whatever happens."""
    run(do)
    try:
        yield
    finally:
        run(undo)


def assert_nothing_left() -> None:
    for machine in ("sandbox", "sandbox2"):
        assert inside(machine, "docker", "ps", "-aq", *OURS) == ""
        assert inside(machine, "docker", "network", "ls", "-q", *OURS) == ""
        assert routes_added(machine) == ""
    switches = [f"net.ipv4.conf.eth1.{name}" for name in ("route_localnet", "accept_local")]
    assert inside("sandbox2", "sysctl", "-n", *switches).split() == ["0", "0"]


def routes_added(machine: str) -> str:
    """The routes on ``machine`` that carry the check's mark, in the two tables that it adds to."""
    show = ("ip", "route", "show", "proto", PROTOCOL, "table")
    return inside(machine, *show, "main") + inside(machine, *show, "local")


@pytest.fixture(autouse=True, scope="module")
def up(checkout: Path) -> None:
    run([*INV, "image.pull"])
    run([*INV, "sandbox.up", "--machine", "sandbox2"])


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert_nothing_left()


def test_every_cell_is_as_expected_with_evidence(site: Site) -> None:
    code, document, cells = matrix()
    assert (code, document["kind"], document["verdict"]) == (0, "matrix", "HOLDS"), changed(cells)
    assert document["claims"] == []
    assert len(cells) == len(document["cells"]) > 80
    assert all(c["evidence"] for c in cells.values())
    # Nothing is sent where the way leaves the host-only network: the route is all the evidence.
    for cell in cells.values():
        commands = [e["command"] for e in cell["evidence"]]
        if cell["observed"] == "NO ROUTE" and "leaves by" in cell["because"]:
            assert not any("nc " in command for command in commands)
        if cell["observed"] in ("REFUSED", "TIMEOUT"):
            # The way, the attempt, the control from the same place, and the server asked itself.
            assert sum("nc " in command for command in commands) == 3
            assert any("route get" in command for command in commands)
    attack = cells["on loopback", "loopback", "routed"]
    added = attack["evidence"][0]["command"]
    assert added.startswith("sudo ip route add 127.0.0.1/32")
    assert site.sandbox.address in added


@pytest.mark.long
def test_without_br_netfilter_the_overlays_row_is_skipped() -> None:
    with without_br_netfilter():
        code, document, cells = matrix()
    assert (code, document["verdict"]) == (0, "HOLDS"), changed(cells)
    skipped = {key for key, c in cells.items() if c["verdict"] == "SKIPPED"}
    assert skipped == {key for key in cells if key[0] == "overlay"}
    assert all("this kernel has no br_netfilter" in cells[key]["because"] for key in skipped)


@pytest.mark.long
def test_forward_accepts() -> None:
    policy = [*INV, "sandbox.exec", "--", "sudo", "iptables", "-P", "FORWARD"]
    with wrong([*policy, "ACCEPT"], [*policy, "DROP"]):
        code, _, cells = matrix()
    assert code == 1
    assert changed(cells) == {
        (mode, "own", "routed"): "ANSWERS" for mode in ("bridge", "container", "user bridge")
    }


@pytest.mark.alone
@pytest.mark.long
def test_a_route_on_the_host(site: Site) -> None:
    # Metric: nobody else's route is replaced.
    route = ["172.17.0.0/24", "via", site.sandbox.address, "metric", "4321"]
    add, delete = (as_root(["ip", "route", verb, *route]) for verb in ("add", "del"))
    with wrong(add, delete):
        code, _, cells = matrix()
    assert code == 1
    assert changed(cells) == {
        ("bridge", "own", "host"): "TIMEOUT",
        ("container", "own", "host"): "TIMEOUT",
        ("published", "own", "host"): "ANSWERS",
        ("on loopback", "own", "host"): "ANSWERS",
    }


@contextmanager
def engine_told(option: str) -> Iterator[None]:
    """The sandbox's engine with ``option`` in its daemon.json, and back again."""

    def edited(how: str) -> list[str]:
        line = f"sed -i '{how}' /etc/docker/daemon.json && systemctl reset-failed docker && systemctl restart docker"
        return [*INV, "sandbox.exec", "--", "sudo", "sh", "-c", line]

    with wrong(edited(f"s/^{{/{{ {option},/"), edited(f"s/ {option},//")):
        yield


@pytest.mark.long
def test_icc_off() -> None:
    with engine_told('"icc": false'):
        code, _, cells = matrix()
    assert code == 1
    modes = ("bridge", "published", "on loopback", "container")
    assert changed(cells) == {(mode, "own", "same"): "TIMEOUT" for mode in modes}


@pytest.mark.long
def test_an_engine_that_starts_no_docker_proxy() -> None:
    with engine_told('"userland-proxy": false'):
        code, _, cells = matrix()
    assert code == 1
    # DNAT takes it then, and what goes from one bridge to the other is dropped.
    assert changed(cells) == {("published", "sandbox", "other"): "TIMEOUT"}


@pytest.mark.long
def test_docker_proxy_ended_before_it_is_asked(site: Site) -> None:
    # The matrix takes the ports after HelloSocket's: the second is the published one's.
    port = site.hello_port + 2
    held = f"ss -Hltnp sport = :{port} | grep docker-proxy | grep -o 'pid=[0-9]*' | cut -d= -f2"
    end = f"while :; do kill $({held}) 2>/dev/null; sleep .1; done"
    unit = ["sandbox.exec", "--", "sudo"]
    start = [*INV, *unit, "systemd-run", "--unit=test-matrix", "sh", "-c", end]
    with wrong(start, [*INV, *unit, "systemctl", "stop", "test-matrix"]):
        code, _, cells = matrix()
    assert code == 1
    assert changed(cells) == {
        ("published", "sandbox", vantage): "REFUSED" for vantage in ("same", "other")
    }


@pytest.mark.long
def test_another_container_behind_the_published_port(site: Site) -> None:
    # The matrix takes the ports after HelloSocket's: the second is the published one's.
    port, host_mode = site.hello_port + 2, site.hello_port + 4
    rule = ["PREROUTING", "-p", "tcp", "--dport", str(port), "-j", "DNAT"]
    rule += ["--to-destination", f"172.17.0.1:{host_mode}"]
    iptables = [*INV, "sandbox.exec", "--", "sudo", "iptables", "-t", "nat"]
    with wrong([*iptables, "-I", *rule], [*iptables, "-D", *rule]):
        code, _, cells = matrix()
    assert code == 1
    assert set(changed(cells).values()) == {"ANSWERS (another)"}
    assert "Hello host!" in cells["published", "sandbox", "host"]["because"]


# States in which it is interrupted, and how each is seen to have come.
STATES: dict[str, Callable[[], object]] = {
    "its networks are there": lambda: inside("sandbox", "docker", "network", "ls", "-q", *OURS),
    "its containers run": lambda: inside("sandbox", "docker", "ps", "-q", *OURS),
    "its routes are set": lambda: routes_added("sandbox2"),
}


@pytest.mark.parametrize(
    "state",
    [
        "its networks are there",
        "its containers run",
        pytest.param("its routes are set", marks=pytest.mark.long),
    ],
)
def test_interrupted_it_leaves_nothing(state: str) -> None:
    process = subprocess.Popen(
        MATRIX, cwd=COPY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        reached = STATES[state]
        assert until(lambda: reached() or process.poll() is not None, bool, 300.0, pause=0.05)
        assert process.poll() is None, "it ended before"
        process.send_signal(signal.SIGINT if state == "its containers run" else signal.SIGTERM)
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert not said or json.loads(said)["verdict"] == "UNKNOWN"
