"""IPv6 switched off by habit: on the host, in the sandbox, on one bridge. It is named, and all else holds.

For the whole host it is switched off in a network of its own (``host_of_own``): it would take the
machine's addresses away.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostonly.claims import ClaimResult, Verdict
from hostonly.demos import load
from hostonly.process import as_root
from hostonly.results.judged import DemoResult
from hostonly.site import Site
from hostonly.stage.demo import perform
from hostonly.stage.testbed import Testbed, ready
from hostonly.vantages import Host, Vantage
from tests.integration.command_line import answer, claims, inv, up, wrong
from tests.integration.host_of_own import HostOfOwn, host_of_own, settled
from tests.integration.test_demos_wrong import Disturbed

FROM_HOST = {"hello.host", "ipv6.published"}
EVERY = FROM_HOST | {"address.ipv6", "hello.sandbox"}
# Untrue where it is up.
ASKED = "is the sandbox up"
SYSCTL = ["sudo", "sysctl", "-w"]


def switch(link: str) -> str:
    return f"net.ipv6.conf.{link}.disable_ipv6"


def assert_skipped(document: dict[str, Any], ids: set[str], *says: str) -> None:
    """Exactly the claims ``ids`` are SKIPPED, each with this in its reason, and shown; the rest hold."""
    found = claims(document)
    assert {id for id, claim in found.items() if claim["verdict"] == "SKIPPED"} == ids
    assert {claim["verdict"] for claim in found.values()} <= {"HOLDS", "SKIPPED"}
    for id in ids:
        assert all(each in found[id]["because"] for each in says), found[id]["because"]
        assert ASKED not in found[id]["because"] and found[id]["evidence"]


@pytest.fixture
def sandbox_up() -> None:
    up("sandbox")


@pytest.fixture
def bridge_off(sandbox_up: None, site: Site) -> Iterator[str]:
    """The switch of the host-only bridge, which is off meanwhile."""
    name = switch(site.bridge.name)
    assert Host().run(as_root(["sysctl", "-qw", f"{name}=1"])).ok
    try:
        yield name
    finally:
        assert Host().run(as_root(["sysctl", "-qw", f"{name}=0"])).ok


@pytest.mark.usefixtures("outsiders")
def test_on_the_bridge_it_is_off(bridge_off: str) -> None:
    code, document = answer("demo.ipv6")
    assert (code, document["verdict"]) == (0, "HOLDS")
    again = f"sudo sysctl -w {bridge_off}=0"
    assert_skipped(document, FROM_HOST, f"{bridge_off} is 1", again)
    code, document = answer("check.host-only")
    assert (code, document["verdict"]) == (0, "HOLDS")
    tried = {id for id in claims(document) if ".ipv6." in id}
    assert len(tried) == 8
    assert_skipped(document, tried, f"{bridge_off} is 1", again)


@pytest.mark.parametrize("link", ["all", "default", "eth1"])
def test_in_the_sandbox_it_is_off(sandbox_up: None, link: str) -> None:
    with wrong("sandbox", [*SYSCTL, f"{switch(link)}=1"], [*SYSCTL, f"{switch(link)}=0"]):
        code, document = answer("demo.ipv6")
    assert (code, document["verdict"]) == (0, "HOLDS")
    again = f"./inv sandbox.exec -- sudo sysctl -w {switch(link)}=0"
    # The engine switches it on for a network of its own that has IPv6, whatever the default is.
    assert_skipped(
        document, set() if link == "default" else FROM_HOST, f"{switch(link)} is 1", again
    )


def performed(testbed: Testbed, after: str, do: Callable[[Vantage], None]) -> DemoResult:
    """demo.ipv6 during which something is done in the sandbox when a command has been run there."""
    disturbed = Disturbed(testbed.sandbox, after, do)
    result = perform(load("ipv6"), replace(testbed, sandbox=disturbed), lambda event: None)
    assert disturbed.after == "\0", "nothing was made wrong"
    return result


def by_id(result: DemoResult) -> dict[str, ClaimResult]:
    return {claim.id: claim for claim in result.claims}


def test_on_the_engines_bridge_it_is_off(site: Site) -> None:
    def turn(sandbox: Vantage) -> None:
        links = json.loads(sandbox.run(["ip", "-json", "link"]).stdout)
        (bridge,) = (each["ifname"] for each in links if each["ifname"].startswith("br-"))
        assert sandbox.run([*SYSCTL, f"{switch(bridge)}=1"]).ok

    with ready(site, lambda event: None, "test") as testbed:
        result = performed(testbed, "docker network create", turn)
    skipped = {id for id, claim in by_id(result).items() if claim.verdict is Verdict.SKIPPED}
    assert (result.verdict, skipped) == (Verdict.HOLDS, EVERY)
    assert all("switched off on the sandbox's br-" in by_id(result)[id].because for id in EVERY)


def test_it_goes_off_between(site: Site) -> None:
    """After it was seen to be there: then nobody knows what would have been answered."""
    name = switch(site.bridge.name)

    def turn(_: Vantage) -> None:
        assert Host().run(as_root(["sysctl", "-qw", f"{name}=1"])).ok

    with ready(site, lambda event: None, "test") as testbed:
        try:
            result = performed(testbed, "ip6tables-save", turn)
        finally:
            Host().run(as_root(["sysctl", "-qw", f"{name}=0"]))
    unknown = by_id(result)["hello.host"]
    assert unknown.verdict is Verdict.UNKNOWN
    assert "no IPv6 route" in unknown.because and name in unknown.because
    assert ASKED not in unknown.because


@pytest.fixture
def host(checkout: Path, tmp_path: Path) -> Iterator[HostOfOwn]:
    if os.geteuid() != 0:
        pytest.skip("only root makes a network of its own here")
    assert inv("sandbox.destroy").returncode == 0
    with host_of_own(tmp_path) as made:
        try:
            yield made
        finally:
            made.inv(checkout, "sandbox.destroy")
        assert not settled(made)


def test_on_the_host_it_is_off_and_all_else_holds(host: HostOfOwn, checkout: Path) -> None:
    off = switch("all")
    host.must("sysctl", "-qw", f"{off}=1")
    host.did(checkout, "sandbox.up")
    host.did(checkout, "image.push")
    for task in ("demo.host", "demo.publish", "check.host-to-sandbox", "check.isolation"):
        host.did(checkout, task)
    again = f"sudo sysctl -w {off}=0"
    document = json.loads(host.did(checkout, "demo.ipv6", "--json"))
    assert_skipped(document, FROM_HOST, f"{off} is 1", again)
    document = json.loads(host.did(checkout, "check.host-only", "--json"))
    assert_skipped(document, {id for id in claims(document) if ".ipv6." in id}, again)


@pytest.mark.long
def test_only_new_links_of_the_host_have_it_off(host: HostOfOwn, checkout: Path) -> None:
    host.did(checkout, "sandbox.up")
    off = switch("default")
    host.must("sysctl", "-qw", f"{off}=1")
    document = json.loads(host.did(checkout, "check.host-only", "--json"))
    assert_skipped(document, {id for id in claims(document) if ".ipv6." in id}, f"{off} is 1")


@pytest.mark.long
def test_a_kernel_that_has_none(host: HostOfOwn, checkout: Path) -> None:
    """As far as it can be played: the host sees no switch of it. (A new container gets no /proc where a
    part of it is hidden.)"""
    host.did(checkout, "sandbox.up")
    host.must("mount", "-t", "tmpfs", "tmpfs", "/proc/sys/net/ipv6")
    for task in ("host.prepare", "sandbox.up", "demo.host", "check.host-to-sandbox"):
        host.did(checkout, task)
    document = json.loads(host.did(checkout, "check.host-only", "--json"))
    tried = {id for id in claims(document) if ".ipv6." in id}
    assert_skipped(document, tried, "the host's kernel has no IPv6")
