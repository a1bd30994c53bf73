"""What people do to the sandbox's firewall and switches: what drops the packets is named, and where
nothing does, nothing is different.

A network namespace keeps its legacy tables: before and after these tests the sandbox is booted.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from hostonly.facts import inventory
from hostonly.process import as_root
from hostonly.site import Site
from hostonly.vantages import Host
from tests.integration.command_line import answer, claims, inside, inv, up, wrong

LEGACY = ["sudo", "iptables-legacy"]
IPTABLES = ["sudo", "iptables"]
SYSCTL = ["sudo", "sysctl", "-w"]
EXEC = "./inv sandbox.exec -- "
# Claims whose facts are connections that are not answered where forwarding is stopped.
STOPPED = {"hello.host", "dnat.counts", "filter.accepts", "hello.continues", "proxy.not-needed"}


def booted() -> None:
    for task in ("sandbox.halt", "sandbox.up"):
        assert inv(task).returncode == 0


@pytest.fixture(autouse=True, scope="module")
def fresh() -> Iterator[None]:
    up("sandbox")
    booted()
    yield
    booted()


def legacy_tables() -> str:
    files = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"]
    return inside("sandbox", "sudo", "sh", "-c", f"cat {' '.join(files)} 2>/dev/null || true")


def assert_named(document: dict[str, Any], ids: set[str], *says: str) -> None:
    """The claims ``ids``, and all others that are not as they should be, name this, and show it."""
    found = claims(document)
    wrong = {id: claim for id, claim in found.items() if claim["verdict"] != "HOLDS"}
    assert ids <= set(wrong)
    for id, claim in wrong.items():
        assert all(each in claim["because"] for each in says), f"{id}: {claim['because']}"
        assert claim["evidence"]


def test_looking_makes_no_legacy_tables() -> None:
    """First of all: those that are there stay until the sandbox is booted again."""
    assert legacy_tables() == ""
    for task in ("demo.publish", "demo.ipv6", "check.host-to-sandbox"):
        code, document = answer(task)
        assert (code, document["verdict"]) == (0, "HOLDS")
        commands = [e["command"] for c in document["claims"] for e in c["evidence"]]
        assert not any("legacy" in command for command in commands)
    # Where a claim fails more is looked at.
    with wrong("sandbox", [*SYSCTL, "net.ipv4.ip_forward=0"], [*SYSCTL, "net.ipv4.ip_forward=1"]):
        assert answer("demo.publish")[0] == 1
    assert legacy_tables() == ""


def test_somebody_once_typed_iptables_legacy() -> None:
    for program in ("iptables-legacy", "ip6tables-legacy"):
        inside("sandbox", "sudo", program, "-L")
        inside("sandbox", "sudo", program, "-t", "nat", "-L")
    assert legacy_tables().split()
    # What check.leftovers looks with, of a whole machine.
    seen = inside("sandbox", "sudo", "sh", "-c", inventory._IPTABLES)
    assert {"#@ iptables-legacy", "#@ ip6tables-legacy"} <= set(seen.splitlines())
    for task in ("demo.publish", "demo.ipv6", "demo.bridge", "check.host-to-sandbox"):
        code, document = answer(task)
        assert (code, document["verdict"]) == (0, "HOLDS"), task


DROP = "FORWARD -p tcp -m tcp --dport 8080 -j DROP"
FORWARDED = "sudo sysctl -w net.ipv4.ip_forward"
# What is typed, what takes it back, and what is to be said. iptables-nft cannot show the second one's table.
HABITS = [
    (
        [f"sudo iptables-legacy -A {DROP}"],
        f"sudo iptables-legacy -D {DROP}",
        f"-A {DROP} (a rule of iptables-legacy, table filter)",
    ),
    (
        [
            "sudo nft add table ip raw",
            "sudo nft 'add chain ip raw PREROUTING { type filter hook prerouting priority raw; }'",
            "sudo nft add rule ip raw PREROUTING tcp dport 8080 fib daddr type local counter drop",
        ],
        "sudo nft delete table ip raw",
        "the chain PREROUTING of the nftables table ip raw has: tcp dport 8080 fib daddr type local",
    ),
]
MORE_HABITS = [
    (
        [f"{FORWARDED}=0"],
        f"{FORWARDED}=1",
        "net.ipv4.ip_forward is 0: it passes no packet on, to a container or from one (to switch it on"
        f" again: {EXEC}{FORWARDED}=1)",
    ),
    (
        ["sudo iptables-legacy -P FORWARD DROP"],
        "sudo iptables-legacy -P FORWARD ACCEPT",
        "the policy of FORWARD in the table filter of iptables-legacy is DROP",
    ),
    (
        ["sudo iptables-legacy -t raw -A PREROUTING -p tcp --dport 8080 -j DROP"],
        "sudo iptables-legacy -t raw -F",
        "--dport 8080 -j DROP (a rule of iptables-legacy, table raw)",
    ),
    (
        ["sudo iptables -I DOCKER-USER -j DROP"],
        "sudo iptables -D DOCKER-USER -j DROP",
        "the rule -A DOCKER-USER -j DROP in the table filter has dropped",
    ),
    (
        [
            "sudo nft add table inet filter",
            "sudo nft 'add chain inet filter forward"
            " { type filter hook forward priority 0; policy drop; }'",
        ],
        "sudo nft delete table inet filter",
        "the chain forward of the nftables table inet filter has: policy drop",
    ),
    (
        ["sudo sysctl -w net.ipv4.conf.docker0.forwarding=0"],
        "sudo sysctl -w net.ipv4.conf.docker0.forwarding=1",
        "net.ipv4.conf.docker0.forwarding is 0: it passes on nothing that comes in by docker0",
    ),
    (
        # In a table of iptables' own, which shows it and no packets of it, for it does not count them.
        ["sudo nft insert rule ip filter FORWARD tcp dport 8080 drop"],
        "sudo iptables -D FORWARD 1",
        "the chain FORWARD of the nftables table ip filter has: tcp dport 8080 drop",
    ),
]


@pytest.mark.parametrize(
    ("do", "undo", "says"),
    [*HABITS, *(pytest.param(*each, marks=pytest.mark.long) for each in MORE_HABITS)],
)
def test_what_stops_the_packets_is_named(do: list[str], undo: str, says: str) -> None:
    for line in do:
        inside("sandbox", *shlex.split(line))
    try:
        code, document = answer("demo.publish")
    finally:
        inside("sandbox", *shlex.split(undo))
    assert (code, document["verdict"]) == (1, "FAILS")
    assert_named(
        {**document, "claims": [c for c in document["claims"] if c["id"] in STOPPED]},
        {"hello.host"},
        says,
    )
    unknown = [c for c in document["claims"] if c["verdict"] == "UNKNOWN"]
    # Of a table that is not shown a claim about all tables knows nothing, and says which.
    assert all(says in c["because"] or "nft list table" in c["because"] for c in unknown)


@pytest.mark.long
def test_the_engines_rules_were_flushed() -> None:
    inside("sandbox", *IPTABLES, "-F")
    inside("sandbox", *IPTABLES, "-t", "nat", "-F")
    try:
        code, document = answer("demo.publish")
    finally:
        inside("sandbox", "sudo", "systemctl", "restart", "docker")
    because = claims(document)["proxy.not-needed"]["because"]
    assert code == 1
    assert "FORWARD of the table filter leads to none of the engine's rules" in because
    assert f"{EXEC}sudo systemctl restart docker" in because


@pytest.mark.long
def test_an_engine_whose_iptables_is_the_legacy_one() -> None:
    """The rules that it had before are iptables-nft's, and stand in its way until they are flushed."""
    alternatives = ["sudo", "update-alternatives"]
    restart = ["sudo", "systemctl", "restart", "docker"]
    nft = ["sudo", "iptables-nft"]
    try:
        inside("sandbox", *alternatives, "--set", "iptables", "/usr/sbin/iptables-legacy")
        inside("sandbox", *restart)
        code, document = answer("demo.publish")
        says = "the policy of FORWARD in the table filter of iptables-nft is DROP"
        assert code == 1 and says in claims(document)["hello.host"]["because"]
        for words in (["-P", "FORWARD", "ACCEPT"], ["-F"], ["-X"], ["-t", "nat", "-F"]):
            inside("sandbox", *nft, *words)
        code, document = answer("demo.publish")
        assert (code, document["verdict"]) == (0, "HOLDS")
    finally:
        inside("sandbox", *alternatives, "--auto", "iptables")
        booted()


def test_a_check_names_it_as_well() -> None:
    """HelloSocket published and not reached, as check.host-to-sandbox sees it."""
    image = "localhost:5000/hello-socket"
    run = ["docker", "run", "--detach", "--name", "by-hand", "--publish", "8080:8080", image]
    with (
        wrong("sandbox", [*SYSCTL, "net.ipv4.ip_forward=0"], [*SYSCTL, "net.ipv4.ip_forward=1"]),
        wrong("sandbox", run, ["docker", "rm", "--force", "by-hand"]),
    ):
        code, document = answer("check.host-to-sandbox")
    failed = claims(document)["hello.host"]
    assert (code, failed["verdict"]) == (1, "FAILS")
    assert "on the sandbox net.ipv4.ip_forward is 0" in failed["because"]


def test_a_firewall_of_the_hosts(site: Site) -> None:
    table = "inet habit"
    rule = f"ip daddr {site.sandbox.address} tcp dport 8080 counter drop"
    host = Host()
    for line in (
        f"add table {table}",
        f"add chain {table} out {{ type filter hook output priority 0; }}",
        f"add rule {table} out {rule}",
    ):
        assert host.run(as_root(["nft", line])).ok
    try:
        code, document = answer("demo.host")
    finally:
        assert host.run(as_root(["nft", f"delete table {table}"])).ok
    because = claims(document)["hello.host"]["because"]
    assert code == 1
    assert f"on the host the chain out of the nftables table {table} has: ip daddr" in because


@pytest.mark.long
def test_between_two_sandboxes() -> None:
    """A swarm that cannot be joined ends demo.overlay before its first claim, at a step."""
    up("sandbox2")
    drop = ["INPUT", "-p", "tcp", "-m", "tcp", "--dport", "2377", "-j", "DROP"]
    with wrong("sandbox", [*LEGACY, "-I", *drop], [*LEGACY, "-D", *drop]):
        code, document = answer("demo.overlay", timeout=900.0)
    stopped = claims(document)["demo.steps"]
    assert (code, stopped["verdict"]) == (3, "UNKNOWN")
    assert "--dport 2377 -j DROP (a rule of iptables-legacy, table filter)" in stopped["because"]


@pytest.mark.long
def test_the_matrix_names_it() -> None:
    with wrong("sandbox", [*SYSCTL, "net.ipv4.ip_forward=0"], [*SYSCTL, "net.ipv4.ip_forward=1"]):
        code, document = answer("check.matrix", timeout=900.0)
    failed = [cell for cell in document["cells"] if cell["verdict"] == "FAILS"]
    assert code == 1 and failed
    assert all("net.ipv4.ip_forward is 0" in cell["because"] for cell in failed)
