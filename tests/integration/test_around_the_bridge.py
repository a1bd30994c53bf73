"""What a sandbox cannot do to the host's networks from its own end of the bridges."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostonly.events import ignore
from hostonly.host import firewall
from hostonly.host.command import as_root
from hostonly.sandbox.machine import Machine
from hostonly.settings import Settings
from hostonly.vantages import Vantage

# TEST-NET-2 of RFC 5737: nobody's.
FOREIGN = "198.51.100.7"
NOTHING_STARTED = "a sandbox starts nothing on this machine"


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Vantage]:
    machine = Machine(settings, ignore)
    machine.up()
    with machine.vantage() as vantage:
        yield vantage


def dropped(settings: Settings) -> int:
    """The packets that were dropped on their way to this machine, by our table's own counter."""
    listing = subprocess.run(
        as_root(["nft", "-j", "list", "chain", "inet", firewall.table(settings).name, "input"]),
        capture_output=True,
        check=True,
        timeout=20,
    )
    rules: list[dict[str, Any]] = json.loads(listing.stdout)["nftables"]
    (rule,) = [r["rule"] for r in rules if r.get("rule", {}).get("comment") == NOTHING_STARTED]
    (counter,) = [each["counter"] for each in rule["expr"] if "counter" in each]
    return int(counter["packets"])


def pinged(sandbox: Vantage, source: str, target: str) -> bool:
    return sandbox.run(["ping", "-c", "2", "-W", "2", "-I", source, target]).ok


def test_an_address_that_is_not_the_sandboxs_own_is_not_answered(
    settings: Settings, sandbox: Vantage
) -> None:
    host = str(settings.network.host.ip)
    assert pinged(sandbox, str(settings.network.sandbox), host)
    alias = [f"{FOREIGN}/32", "dev", "eth1"]
    assert sandbox.run(["sudo", "ip", "address", "add", *alias]).ok
    try:
        assert not pinged(sandbox, FOREIGN, host)
    finally:
        assert sandbox.run(["sudo", "ip", "address", "del", *alias]).ok


@pytest.mark.parametrize(("port", "what"), [(67, "a request for a lease"), (68, "an offer of one")])
def test_dhcp_from_a_sandbox_does_not_get_through(
    settings: Settings, sandbox: Vantage, port: int, what: str
) -> None:
    before = dropped(settings)
    to = f"/dev/udp/{settings.network.host.ip}/{port}"
    assert sandbox.run(["bash", "-c", f"echo '{what}' > {to}"]).ok
    # The kernel may pass it on a moment after the sender has ended.
    deadline = time.monotonic() + 10
    while dropped(settings) == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_router_advertisement_is_heard(settings: Settings, sandbox: Vantage) -> None:
    for bridge in (settings.network.bridge, settings.network.nat_bridge):
        assert Path(f"/proc/sys/net/ipv6/conf/{bridge}/accept_ra").read_text().strip() == "0"
