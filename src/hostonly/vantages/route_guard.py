"""No packet goes to a sandbox's address unless it leaves by the sandbox's own interface.

The address may belong to somebody else's network: 172.16.0.2 is a private address that a VPN or
an office may well use. So whoever is about to open a connection asks the kernel first, which
answers without sending anything.
"""

from __future__ import annotations

import json

from hostonly.errors import Unreachable
from hostonly.vantages.host import Host
from hostonly.vantages.vantage import Result, Vantage

# What `ip route get` says on stderr, with status 2, when the kernel has no way to the address.
NO_ROUTE_MESSAGES = ("Network is unreachable", "No route to host")


def require_host_only_route(address: str, bridge: str, *, host: Vantage | None = None) -> Result:
    """Ask the kernel for its route to ``address``; return the answer as evidence.

    A link-local address carries its link (``fe80::2%hostonly0``), which decides the way.
    ``bridge`` is the host's own interface on the host-only network. Nothing is sent.

    Raises:
        hostonly.errors.Unreachable: the route leaves by another interface (named), or there is
            none, or the kernel could not be asked.
    """
    number, _, link = address.partition("%")
    by_link = ["oif", link] if link else []
    command = ["ip", "-json", "route", "get", number, *by_link]
    result = (host or Host()).run(command, timeout=5.0)
    if not result.ok:
        if any(message in result.stderr for message in NO_ROUTE_MESSAGES):
            what = f"this machine has no route to {address}: is the sandbox up?"
        else:
            what = f"the route to {address} could not be asked for, so nothing was sent there"
        raise Unreachable(what, ran=result.command, output=result.output, remedy="./inv sandbox.up")
    device = _device(result.stdout)
    if device is None:
        raise Unreachable(
            f"the route to {address} could not be read, so nothing was sent there",
            ran=result.command,
            output=result.output,
        )
    if device != bridge:
        raise Unreachable(
            f"packets to {address} would leave by {device} and not by the host-only bridge"
            f" {bridge}: nothing was sent, since that address may be somebody else's",
            ran=result.command,
            output=result.output,
            remedy="is the sandbox up (./inv sandbox.up), and does another network use its address?",
        )
    return result


def _device(output: str) -> str | None:
    """The interface in what ``ip -json route get`` printed; None when it cannot be told."""
    try:
        (route,) = json.loads(output)
        # A route of type unreachable, blackhole or prohibit has a device too (lo) and goes nowhere.
        device = route["dev"]
    except (ValueError, KeyError, TypeError):
        return None
    return device if isinstance(device, str) else None
