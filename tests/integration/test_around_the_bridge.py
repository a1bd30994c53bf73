"""What a sandbox cannot do to the host's networks from its own end of the bridges."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostonly.events import ignore
from hostonly.host import firewall
from hostonly.process import as_root
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.vantages import Vantage
from hostonly.waiting import until

# TEST-NET-2 of RFC 5737: nobody's.
FOREIGN = "198.51.100.7"
NOTHING_STARTED = "a sandbox starts nothing on this machine"
NO_OTHER_MAC = "no MAC but their own"
NO_OTHER_ADDRESS = "no address but their own"
# TEST-NET-3, to which nothing of this comes: it is dropped before it leaves.
OUTSIDE = "203.0.113.9"
# Documentation's own prefix (RFC 3849), as a router would announce it.
ANNOUNCED = "2001:db8:"
# A router advertisement (RFC 4861, 4.2) with one prefix to make addresses of, to all nodes on the link.
ADVERTISE = r"""
use Socket qw(inet_pton pack_sockaddr_in6 AF_INET6 SOCK_RAW);
open(my $file, "<", "/sys/class/net/$ARGV[0]/ifindex") or die; chomp(my $index = <$file>);
socket(my $socket, AF_INET6, SOCK_RAW, 58) or die "socket: $!";
setsockopt($socket, 41, 18, 255) or die "hops: $!";
setsockopt($socket, 41, 17, pack("i", $index)) or die "link: $!";
my $prefix = pack("CCCCNNN", 3, 4, 64, 0xc0, 86400, 14400, 0) . inet_pton(AF_INET6, "2001:db8::");
my $advertisement = pack("CCnCCnNN", 134, 0, 0, 64, 0, 1800, 0, 0) . $prefix;
send($socket, $advertisement, 0, pack_sockaddr_in6(0, inet_pton(AF_INET6, "ff02::1"), $index)) or die "send: $!";
"""


@pytest.fixture
def sandbox(site: Site) -> Iterator[Vantage]:
    machine = Machine(site, ignore)
    life.up([machine])
    with machine.vantage() as vantage:
        yield vantage


def dropped(site: Site, why: str = NOTHING_STARTED, chain: str = "input") -> int:
    """The packets that the rule with the comment ``why`` dropped, by our table's own counter."""
    listing = subprocess.run(
        as_root(["nft", "-j", "list", "chain", "inet", firewall.table_name(site.name), chain]),
        capture_output=True,
        check=True,
        timeout=20,
    )
    rules: list[dict[str, Any]] = json.loads(listing.stdout)["nftables"]
    (rule,) = [r["rule"] for r in rules if r.get("rule", {}).get("comment") == why]
    (counter,) = [each["counter"] for each in rule["expr"] if "counter" in each]
    return int(counter["packets"])


def becomes_more(site: Site, before: int, why: str, chain: str = "input") -> None:
    """See the counter rise: the kernel may pass a packet on a moment after the sender has ended."""
    assert until(lambda: dropped(site, why, chain) > before, bool, 10.0), (
        f"nothing was dropped in {chain}: {why}"
    )


def pinged(sandbox: Vantage, source: str, target: str) -> bool:
    return sandbox.run(["ping", "-c", "2", "-W", "2", "-I", source, target]).ok


def test_an_address_that_is_not_the_sandboxs_own_is_not_answered(
    site: Site, sandbox: Vantage
) -> None:
    host = str(site.bridge.address.ip)
    assert pinged(sandbox, site.sandbox.address, host)
    alias = [f"{FOREIGN}/32", "dev", "eth1"]
    assert sandbox.run(["sudo", "ip", "address", "add", *alias]).ok
    try:
        assert not pinged(sandbox, FOREIGN, host)
    finally:
        assert sandbox.run(["sudo", "ip", "address", "del", *alias]).ok


@pytest.mark.parametrize(("port", "what"), [(67, "a request for a lease"), (68, "an offer of one")])
def test_dhcp_from_a_sandbox_does_not_get_through(
    site: Site, sandbox: Vantage, port: int, what: str
) -> None:
    before = dropped(site)
    to = f"/dev/udp/{site.bridge.address.ip}/{port}"
    assert sandbox.run(["bash", "-c", f"echo '{what}' > {to}"]).ok
    becomes_more(site, before, NOTHING_STARTED)


def test_the_links_are_what_the_table_lets_through(site: Site, sandbox: Vantage) -> None:
    (link,) = json.loads(sandbox.run(["ip", "-json", "-4", "address", "show", "eth0"]).stdout)
    (mac,) = json.loads(sandbox.run(["ip", "-json", "link", "show", "eth0"]).stdout)
    nat = site.sandbox.nat
    assert (nat.mac, str(nat.address.ip)) == (mac["address"], link["addr_info"][0]["local"])


@pytest.mark.parametrize("chain", ["input", "forward"])
def test_another_address_of_the_nat_network_does_not_get_through(
    site: Site, sandbox: Vantage, chain: str
) -> None:
    nat, own = site.nat.address, site.sandbox.nat
    assert pinged(sandbox, str(own.address.ip), str(nat.ip))
    # The second sandbox's, with the first one's MAC; and one that is nobody's.
    for foreign in (site.machine("sandbox2").nat.address.ip, own.address.ip + 100):
        alias = [f"{foreign}/{nat.network.prefixlen}", "dev", "eth0"]
        assert sandbox.run(["sudo", "ip", "address", "add", *alias]).ok
        try:
            before = dropped(site, NO_OTHER_ADDRESS, chain)
            assert not pinged(sandbox, str(foreign), str(nat.ip) if chain == "input" else OUTSIDE)
            becomes_more(site, before, NO_OTHER_ADDRESS, chain)
        finally:
            assert sandbox.run(["sudo", "ip", "address", "del", *alias]).ok


@pytest.mark.parametrize("chain", ["input", "forward"])
def test_another_mac_on_eth0_does_not_get_through(site: Site, sandbox: Vantage, chain: str) -> None:
    nat, own = site.nat.address, site.sandbox.nat
    change = ["sudo", "ip", "link", "set", "eth0", "address"]
    before = dropped(site, NO_OTHER_MAC, chain)
    assert sandbox.run([*change, "02:00:5e:00:53:01"]).ok
    try:
        assert not pinged(
            sandbox, str(own.address.ip), str(nat.ip) if chain == "input" else OUTSIDE
        )
        becomes_more(site, before, NO_OTHER_MAC, chain)
    finally:
        assert sandbox.run([*change, own.mac]).ok
    assert pinged(sandbox, str(own.address.ip), str(nat.ip))


@pytest.mark.parametrize("link", ["eth0", "eth1"])
def test_a_router_advertisement_of_a_sandboxs_does_not_get_through(
    site: Site, sandbox: Vantage, link: str
) -> None:
    before = dropped(site)
    sent = sandbox.run(["sudo", "perl", "-e", ADVERTISE, link])
    assert sent.ok, sent.output
    becomes_more(site, before, NOTHING_STARTED)
    for what in ("address", "route"):
        shown = subprocess.run(
            ["ip", "-6", what, "show"], capture_output=True, text=True, check=True, timeout=20
        )
        assert ANNOUNCED not in shown.stdout


def test_no_router_advertisement_is_heard(site: Site, sandbox: Vantage) -> None:
    for bridge in (site.bridge.name, site.nat.name):
        assert Path(f"/proc/sys/net/ipv6/conf/{bridge}/accept_ra").read_text().strip() == "0"
