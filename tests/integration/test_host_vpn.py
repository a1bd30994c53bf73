"""A VPN that has routes in a table of its own, which the kernel asks before ours, on a network of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostonly.site import Site
from hostonly.waiting import until
from tests.integration.command_line import inv
from tests.integration.host_of_own import HostOfOwn, host_of_own, settled

VPN = "vpn0"


@pytest.fixture
def host(checkout: Path, tmp_path: Path) -> Iterator[HostOfOwn]:
    if os.geteuid() != 0:
        pytest.skip("only root makes a network of its own here")
    assert inv("sandbox.destroy").returncode == 0
    with host_of_own(tmp_path) as made:
        made.must("ip", "link", "add", VPN, "type", "bridge")
        made.must("ip", "link", "set", VPN, "up")
        made.must("ip", "rule", "add", "pref", "5270", "lookup", "52")
        try:
            yield made
        finally:
            made.inv(checkout, "sandbox.destroy")
        assert not settled(made)


def looks(host: HostOfOwn) -> str:
    """Its links and addresses, and its firewall with the counters."""
    return host.must("ip", "-brief", "address") + host.must("nft", "list", "ruleset")


def at_rest(host: HostOfOwn) -> str:
    """The same, when the kernel has told of each link that it came up, and has tried the address of its own
    that it gave it."""
    assert until(
        lambda: told_of_all(json.loads(host.must("ip", "-json", "address"))), bool, 30.0
    ), looks(host)
    return looks(host)


def told_of_all(links: list[dict[str, Any]]) -> bool:
    """Whether none of the ``links`` is about to come up, or to have an address."""
    six = {
        link["ifname"]: [each for each in link["addr_info"] if each["family"] == "inet6"]
        for link in links
    }
    up = [link for link in links if "UP" in link["flags"]]
    # Where IPv6 is on, loopback has an address of it.
    given = not six["lo"] or all(six[link["ifname"]] for link in up)
    tried = not any(each.get("tentative") for addresses in six.values() for each in addresses)
    # An empty bridge has nobody at its other end who could be heard of.
    heard = all(link["operstate"] == "UP" for link in up if "link" in link or "link_index" in link)
    return given and tried and heard


@pytest.mark.parametrize("everything", [False, True], ids=["our range", "everything"])
def test_no_sandbox_where_its_packets_would_go_astray(
    host: HostOfOwn, checkout: Path, site: Site, everything: bool
) -> None:
    network = site.bridge.network
    to = "default" if everything else str(network)
    host.must("ip", "route", "add", to, "dev", VPN, "table", "52")
    # Counts what would go astray.
    host.must("nft", "add table ip watch")
    host.must("nft", "add chain ip watch out { type filter hook output priority 0; }")
    host.must("nft", f"add rule ip watch out ip daddr {network} oifname {VPN} counter")
    before = at_rest(host)
    assert "packets 0 " in before
    done = host.inv(checkout, "sandbox.up")
    assert done.returncode == 3
    assert VPN in done.stderr
    if everything:
        assert f"packets to {site.sandbox.address} would leave by {VPN}" in done.stderr
    else:
        assert f"the route to {to} leaves by {VPN} (table 52)" in done.stderr
        # A range that is free, also of that table.
        assert "INVOKE_NETWORK_HOST=" in done.stderr
    assert looks(host) == before
