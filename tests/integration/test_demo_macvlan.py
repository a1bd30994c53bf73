"""demo.macvlan on two real sandboxes: as it should be, with things made wrong, and interrupted."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from hostonly.process import as_root
from hostonly.site import Site
from hostonly.waiting import until
from tests.integration.command_line import (
    COPY,
    INV,
    answer,
    claims,
    inside,
    interrupted,
    inv,
    left_by,
    up,
    wrong,
)


@pytest.fixture(autouse=True, scope="module")
def both_up() -> None:
    """Both are up."""
    up("sandbox", "sandbox2")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container, a network or a link of the demo's behind."""
    yield
    assert left_by("sandbox", "macvlan") == ""
    assert "hostonly-shim" not in inside("sandbox", "ip", "link")


def test_a_shim_that_is_there_already_is_removed_first() -> None:
    link = ["type", "macvlan", "mode", "bridge"]
    inside("sandbox", "sudo", "ip", "link", "add", "hostonly-shim", "link", "eth1", *link)
    code, document = answer("demo.macvlan")
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert document["steps"][0]["command"] == "sudo ip link delete hostonly-shim"


def test_silence_without_a_control_is_no_proof() -> None:
    rule = ["OUTPUT", "-o", "eth1", "-p", "tcp", "--dport", "22", "-j", "DROP"]
    table = ["sudo", "iptables"]
    with wrong("sandbox", [*table, "-A", *rule], [*table, "-D", *rule]):
        code, document = answer("demo.macvlan")
    found = claims(document)
    assert (code, document["verdict"]) == (3, "UNKNOWN")
    assert found["unreachable.sandbox"]["verdict"] == "UNKNOWN"
    assert "control" in found["unreachable.sandbox"]["because"]
    assert found["shim.reaches"]["verdict"] == "HOLDS"


def test_a_shim_made_by_hand_is_noticed() -> None:
    _, document = answer("demo.macvlan")
    prefix = document["sandbox"]["address"].rpartition(".")[0]
    link = ["link", "eth1", "type", "macvlan", "mode", "bridge"]
    inside("sandbox", "sudo", "ip", "link", "add", "by-hand", *link)
    try:
        inside("sandbox", "sudo", "ip", "addr", "add", f"{prefix}.200/32", "dev", "by-hand")
        inside("sandbox", "sudo", "ip", "link", "set", "by-hand", "up")
        inside("sandbox", "sudo", "ip", "route", "add", f"{prefix}.254/32", "dev", "by-hand")
        code, document = answer("demo.macvlan")
    finally:
        inside("sandbox", "sudo", "ip", "link", "delete", "by-hand")
    found = claims(document)
    assert (code, document["verdict"]) == (1, "FAILS")
    assert found["unreachable.sandbox"]["verdict"] == "FAILS"
    assert "Hello macvlan!" in found["unreachable.sandbox"]["because"]


# The other way round, and at the other steps: among the long tests (test_demos_wrong.py).
@pytest.mark.parametrize(
    ("number", "at"),
    [
        (signal.SIGINT, "docker run"),
        (signal.SIGTERM, "sudo ip link add"),
        (signal.SIGINT, "sudo ip route add"),
    ],
)
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals, at: str) -> None:
    interrupted("demo.macvlan", f"sandbox$ {at}", number)


# Nobody's: of RFC 7042's block for documentation.
MAC = "00:00:5e:00:53:01"


def host(*argv: str) -> str:
    """A command of the host's, as root; what it printed. It must succeed."""
    done = subprocess.run(as_root(argv), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def remember(address: str, *devices: str) -> None:
    """Have the host's kernel remember another MAC for ``address``, as if it had just spoken."""
    for device in devices:
        told = ["lladdr", MAC, "dev", device, "nud", "reachable"]
        host("ip", "neigh", "replace", address, *told)


@pytest.fixture
def address(site: Site) -> str:
    """The one that the demo takes."""
    return str(site.bridge.network[-2])


def remembering(address: str, site: Site) -> list[str]:
    """Who remembers a MAC for ``address``."""
    tables = {
        each: inside(each, "ip", "neigh", "show", address) for each in ("sandbox", "sandbox2")
    }
    tables["host"] = host("ip", "neigh", "show", address, "dev", site.bridge.name)
    return [name for name, table in tables.items() if "lladdr" in table]


def test_who_had_the_address_before_is_forgotten(address: str, site: Site) -> None:
    remember(address, site.bridge.name)
    for machine in ("sandbox", "sandbox2"):
        told = ["lladdr", MAC, "dev", "eth1", "nud", "reachable"]
        inside(machine, "sudo", "ip", "neigh", "replace", address, *told)
    assert len(remembering(address, site)) == 3
    code, document = answer("demo.macvlan")
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert remembering(address, site) == []


def test_whoever_gets_the_address_next_is_reached_at_once(address: str, site: Site) -> None:
    """A person's own container, or that of demo.ipvlan, which has the sandbox's MAC."""
    assert answer("demo.macvlan")[0] == 0
    network = str(site.bridge.network)
    image = f"localhost:{site.registry_port}/hello-socket"
    own = ["docker", "network", "create", "-d", "macvlan", "--subnet", network]
    with wrong("sandbox", [*own, "-o", "parent=eth1", "own"], ["docker", "network", "rm", "own"]):
        run = ["docker", "run", "-d", "--name", "own", "--network", "own", "--ip", address]
        run += ["--mac-address", "02:00:00:00:00:01", image, "own"]
        with wrong("sandbox", run, ["docker", "rm", "--force", "own"]):
            port = str(site.hello_port)
            speaks = ["sandbox.exec", "--", "docker", "exec", "own", "nc", "-w", "2", "127.0.0.1"]
            assert until(lambda: inv(*speaks, port).returncode == 0, bool, 60.0)
            assert "Hello own!" in host("nc", "-nv", "-w", "2", address, port)


def test_what_a_killed_demo_had_is_forgotten_with_it(address: str, site: Site) -> None:
    process = subprocess.Popen(
        [*INV, "demo.macvlan"],
        cwd=COPY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("sandbox2$ nc"):
            break
    process.kill()
    process.communicate(timeout=60)
    assert "host" in remembering(address, site)
    assert answer("demo.none")[0] == 0
    assert "host" not in remembering(address, site)


def test_a_sandbox_that_gets_an_address_is_reached_and_goes_on_reaching_the_host(
    site: Site,
) -> None:
    """Somebody else had the second sandbox's addresses while it was away."""
    second = site.machine("sandbox2")
    assert inv("sandbox.halt", "--machine", "sandbox2").returncode == 0
    for end in (second.host_only, second.nat):
        remember(str(end.address.ip), end.bridge)
    up("sandbox2")
    for bridge in site.bridges:
        assert MAC not in host("ip", "neigh", "show", "dev", bridge.name)
        # Its MAC would be a port's else, and go with it.
        assert bridge.mac in host("ip", "link", "show", bridge.name)
