"""Neither a neighbour on the LAN nor a rogue container reaches the sandbox; both do once our table is gone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hostonly.checks.outsiders import opened
from hostonly.host import firewall, forwarding, outsiders
from hostonly.host.command import run
from hostonly.site import Site
from hostonly.waiting import until
from tests.integration.command_line import INV, inv


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    document: dict[str, Any] = json.loads(done.stdout)
    return {claim["id"]: claim["verdict"] for claim in document["claims"]}


pytestmark = pytest.mark.usefixtures("outsiders")

WHO, DOORS = ("neighbour", "container"), ("host-only", "ipv6", "nat")
SERVICES = ("ssh", "registry", "engine", "hello")


def made(site: Site) -> list[Path]:
    """Where what the check makes on this machine can be seen."""
    found = []
    for each in outsiders.outsiders(site):
        found += [Path("/sys/class/net", name) for name in (each.device, each.router)]
        found.append(Path("/run/netns", each.vantage.namespace))
    return found


def assert_nothing_left(site: Site) -> None:
    assert not any(path.exists() for path in made(site))
    assert outsiders.table(site.name) not in run(["nft", "list", "tables"], root=True)
    assert "2001:db8" not in run(["ip", "-6", "route"])
    links = [
        ["sandbox.exec", "--", "ip", "-json", "address"],
        ["sandbox.exec", "--", "ip", "route"],
    ]
    for command in links:
        said = inv(*command)
        assert said.returncode == 0
        assert "fd68:6f73" not in said.stdout and "198.51.100" not in said.stdout


@pytest.fixture
def up() -> None:
    assert inv("sandbox.up").returncode == 0


def test_nobody_else_reaches_the_sandbox(up: None, site: Site) -> None:
    done = inv("check.host-only", "--json")
    assert done.returncode == 0, done.stdout
    found = verdicts(done)
    tried = {
        f"unreachable.{who}.{door}.{what}" for who in WHO for door in DOORS for what in SERVICES
    }
    assert set(found) == {"route.host-only", "ports.open", *tried}
    # Where this machine carries no IPv6 packet on, whoever asks it to, there is nothing to try.
    absent = opened.not_forwarding6(site) is not None
    assert {id for id, verdict in found.items() if verdict == "SKIPPED"} == (
        {id for id in tried if ".ipv6." in id} if absent else set()
    )
    assert set(found.values()) <= {"HOLDS", "SKIPPED"}
    assert_nothing_left(site)


def test_without_our_table_the_same_check_fails(up: None, site: Site) -> None:
    table = firewall.table(site)
    assert firewall.remove(table)
    try:
        done = inv("check.host-only", "--json")
    finally:
        firewall.apply(table)
    assert done.returncode == 1
    found = verdicts(done)
    assert {found.pop("route.host-only"), found.pop("ports.open")} == {"HOLDS"}
    if opened.not_forwarding6(site):
        found = {id: verdict for id, verdict in found.items() if ".ipv6." not in id}
    # Also where nothing listens: the sandbox's refusal comes back.
    assert {id for id, verdict in found.items() if verdict != "FAILS"} == set()
    assert_nothing_left(site)


def test_a_table_that_went_comes_back_by_up(up: None, site: Site) -> None:
    """As by `nft flush ruleset`, which a restart of nftables runs."""
    table = firewall.table(site)
    assert firewall.remove(table) and not firewall.present(table)
    done = inv("sandbox.up")
    assert done.returncode == 0
    assert firewall.present(table)
    assert f"{table.name} was gone" in done.stderr
    # Where all is there, nothing is said of it.
    done = inv("sandbox.up")
    assert done.returncode == 0 and table.name not in done.stderr


def killed_in_the_middle(checkout: Path, site: Site) -> None:
    """A check that was killed when all its ways were open."""
    process = subprocess.Popen(
        [*INV, "check.host-only"],
        cwd=checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:

        def let_out() -> bool:
            return outsiders.table(site.name) in run(["nft", "list", "tables"], root=True)

        until(lambda: let_out() or process.poll() is not None, bool, 180.0, pause=0.05)
        assert process.poll() is None, "it ended before"
        assert let_out(), "the rogue container was never let out"
    finally:
        process.kill()
        process.wait()
    assert any(path.exists() for path in made(site))
    assert forwarding.value(site.bridge.name) == "1"


def test_killed_in_the_middle_it_is_cleared_up_by_destroy(
    checkout: Path, up: None, site: Site
) -> None:
    killed_in_the_middle(checkout, site)
    # The sandbox's own addresses and routes go with it.
    assert inv("sandbox.destroy").returncode == 0
    assert not any(path.exists() for path in made(site))
    assert outsiders.table(site.name) not in run(["nft", "list", "tables"], root=True)
    done = inv("check.leftovers")
    assert done.returncode == 0, done.stdout


def test_killed_in_the_middle_it_is_cleared_up_by_up_which_says_so(
    checkout: Path, up: None, site: Site
) -> None:
    new = forwarding.value("default")
    killed_in_the_middle(checkout, site)
    done = inv("sandbox.up")
    assert done.returncode == 0
    assert (
        "a run that was killed had left the neighbours of check.host-only: removed" in done.stderr
    )
    assert not any(path.exists() for path in made(site))
    assert forwarding.value(site.bridge.name) == new
    # What is in the sandbox still, the next check takes out.
    assert inv("check.host-only").returncode == 0
    assert forwarding.value(site.bridge.name) == new
    assert_nothing_left(site)


def test_two_at_once_wait_for_each_other(checkout: Path, up: None, site: Site) -> None:
    pair = [
        subprocess.Popen(
            [*INV, "check.host-only"],
            cwd=checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=240)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], "\n".join(said)
    waited = [f"waiting for inv check.host-only (process {process.pid})" for process in pair]
    assert (waited[1] in said[0]) != (waited[0] in said[1])
    assert forwarding.value(site.bridge.name) == forwarding.value("default")
    assert_nothing_left(site)


def test_where_another_firewall_answers_for_ours_nothing_is_known(up: None, site: Site) -> None:
    """Silence that something else makes is no proof: the controls are not answered either."""
    near, _, rogue = outsiders.outsiders(site)
    wall = f"{outsiders.table(site.name)}.wall"
    rules = f"""\
table inet {wall} {{
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname {{ "{near.router}", "{rogue.router}" }} drop
    }}
}}
"""
    run(["nft", "-f", "-"], root=True, stdin=rules)
    try:
        done = inv("check.host-only", "--json")
    finally:
        run(["nft", "delete", "table", "inet", wall], root=True)
    assert done.returncode == 3
    found = verdicts(done)
    assert {found.pop("route.host-only"), found.pop("ports.open")} == {"HOLDS"}
    assert set(found.values()) <= {"UNKNOWN", "SKIPPED"}
    assert found["unreachable.neighbour.nat.ssh"] == "UNKNOWN"
