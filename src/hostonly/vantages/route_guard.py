"""No packet goes to a sandbox's address unless it leaves by the sandbox's own interface.

The address may belong to somebody else's network: 172.16.0.2 is a private address that a VPN or an
office may well use. So whoever opens a connection asks the kernel first, which answers without
sending anything."""

from __future__ import annotations

import json

from hostonly.errors import Unreachable
from hostonly.vantages.host import Host
from hostonly.vantages.vantage import Result, Vantage

# What `ip route get` says on stderr, with status 2, when the kernel has no way to the address.
NO_ROUTE_MESSAGES = ("Network is unreachable", "No route to host")


def require_host_only_route(address: str, bridge: str, *, host: Vantage | None = None) -> Result:
    """Ask the kernel for its route to ``address``; return the answer as evidence.

    A link-local address carries its link (``fe80::2%hostonly0``), which decides the way. ``bridge``
    is the host's own interface on the host-only network, behind which the sandbox is directly.
    Nothing is sent.

    Raises:
        hostonly.errors.Unreachable: the route leaves by another interface (named), or by the bridge
            to somebody else who would pass it on, or there is none, or the kernel could not be
            asked.
    """
    result = (host or Host()).run(route_command(address), timeout=5.0)
    require_direct(result, address, bridge)
    return result


def route_command(address: str) -> list[str]:
    """Return the command that asks the kernel for its route to ``address``."""
    number, _, link = address.partition("%")
    return ["ip", "-json", "route", "get", number, *(["oif", link] if link else [])]


def require_direct(result: Result, address: str, bridge: str) -> None:
    """Refuse where ``result``, from ``route_command``, does not lead directly by ``bridge``.

    Raises:
        hostonly.errors.Unreachable: it does not, or the kernel could not be asked; nothing was
            sent.
    """
    number, _, _ = address.partition("%")
    if not result.ok:
        if any(message in result.stderr for message in NO_ROUTE_MESSAGES):
            family = " IPv6" if ":" in number else ""
            what = f"this machine has no{family} route to {address}, so nothing was sent there"
            remedy = _remedy(number, bridge)
        else:
            what = f"the route to {address} could not be asked for, so nothing was sent there"
            remedy = "./inv sandbox.up"
        raise Unreachable(what, ran=result.command, output=result.output, remedy=remedy)
    way = _way(result.stdout)
    if way is None:
        raise Unreachable(
            f"the route to {address} could not be read, so nothing was sent there",
            ran=result.command,
            output=result.output,
        )
    if way != bridge:
        raise Unreachable(
            f"packets to {address} would leave by {way} and not directly by the host-only bridge"
            f" {bridge}: nothing was sent, since that address may be somebody else's",
            ran=result.command,
            output=result.output,
            remedy="./inv sandbox.up makes the bridge's route; does another network use its address?",
        )


def _remedy(number: str, bridge: str) -> str:
    """Return what to do where there is no route; whether the sandbox is up nobody knows here."""
    if ":" in number:
        return f"has {bridge} an IPv6 address? sysctl net.ipv6.conf.{bridge}.disable_ipv6; ip -6 address"
    return f"./inv sandbox.up makes the bridge {bridge} as it must be, also where the sandbox is up"


def _way(output: str) -> str | None:
    """Read the way that ``ip -json route get`` printed; None where it cannot be told.

    It is the interface, and with it what makes the route no direct one (a gateway, a type)."""
    try:
        (route,) = json.loads(output)
        # A route of type unreachable, blackhole or prohibit has a device too (lo) and goes nowhere.
        device = route["dev"]
        # Another family's gateway is "via", a tunnel's header "encap": iproute.c.
        passed_on = [name for name in ("gateway", "via", "encap") if name in route]
        kind = route.get("type", "unicast")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(device, str):
        return None
    if passed_on:
        return f"{device}, {passed_on[0]} {route[passed_on[0]]},"
    return device if kind == "unicast" else f"{device} ({kind})"
