"""The two bridges of a checkout: host-only (eth1 of the sandboxes) and NAT (their eth0).

The alias of each (``ip link show``) is the ownership mark: a bridge without it is somebody else's
and is neither used, changed nor removed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Interface, ip_network
from pathlib import Path
from typing import Any

from hostonly.errors import HostonlyError
from hostonly.host.command import run
from hostonly.settings import Settings

MARK = "hostonly"

# Routes to larger networks than this are ways to everywhere and claim no addresses.
OWNED_PREFIX = 8


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge as it must be; ``mark`` is its alias."""

    name: str
    address: IPv4Interface
    mark: str


def bridges(settings: Settings, root: Path) -> tuple[Bridge, Bridge]:
    """The host-only bridge and the NAT bridge of the checkout at ``root``."""
    net = settings.network
    mark = f"{MARK} {root}"
    return Bridge(net.bridge, net.host, mark), Bridge(net.nat_bridge, net.nat, mark)


def _links() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        run(["ip", "-json", "-details", "address"], timeout=10)
    )
    return found


def present(bridge: Bridge) -> bool:
    """Whether ``bridge`` is there, is ours and has its address.

    Raises:
        HostonlyError: a link of that name exists without our mark.
    """
    for link in _links():
        if link.get("ifname") != bridge.name:
            continue
        owner = link.get("ifalias")
        if owner != bridge.mark:
            whose = f"it belongs to {owner}" if owner else "it does not carry hostonly's mark"
            raise HostonlyError(
                f"a link named {bridge.name} is already here, and {whose}: it was left as it is",
                ran="ip -details link show " + bridge.name,
                remedy="Give network.bridge and network.nat_bridge other names in invoke.yaml.",
            )
        addresses = {f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", [])}
        return "UP" in link.get("flags", []) and str(bridge.address) in addresses
    return False


def conflicts(bridge: Bridge) -> list[str]:
    """Who else on this machine uses addresses of ``bridge``'s network: a sentence for each."""
    network = bridge.address.network
    found = []
    for link in _links():
        if link.get("ifname") == bridge.name:
            continue
        for address in link.get("addr_info", []):
            if address.get("family") != "inet":
                continue
            theirs = ip_network(f"{address['local']}/{address['prefixlen']}", strict=False)
            if theirs.overlaps(network):
                found.append(f"{link['ifname']} has {address['local']}/{address['prefixlen']}")
    for route in json.loads(run(["ip", "-json", "-4", "route"], timeout=10)):
        if route.get("dst") == "default" or route.get("dev") == bridge.name:
            continue
        theirs = ip_network(route["dst"], strict=False)
        # A VPN that takes everything says so by two halves of the world: a default route, no owner.
        if theirs.prefixlen >= OWNED_PREFIX and theirs.overlaps(network):
            by = route.get("gateway") or route.get("dev", "nowhere")
            sentence = f"the route to {route['dst']} leaves by {by}"
            if not any(s.startswith(f"{route.get('dev')} has") for s in found):
                found.append(sentence)
    return found


def refuse_conflicts(bridge: Bridge) -> None:
    """Stop where somebody else on this machine uses addresses of ``bridge``'s network.

    Raises:
        HostonlyError: they are in use, naming by whom.
    """
    theirs = conflicts(bridge)
    if theirs:
        raise HostonlyError(
            f"{bridge.address.network} is already in use on this machine: {'; '.join(theirs)}",
            remedy="Give the network section of invoke.yaml a range of its own; nothing was changed.",
        )


def create(bridge: Bridge) -> None:
    """Make ``bridge``, or complete it where an earlier attempt was cut off.

    Router advertisements on it are never listened to.

    Raises:
        ToolFailed: the kernel refused it.
    """
    steps = [
        f"address replace {bridge.address} dev {bridge.name}",
        f"link set {bridge.name} up",
    ]
    if not any(link.get("ifname") == bridge.name for link in _links()):
        # The kernel takes an alias only after the link is there: one batch, so that they come together.
        made = [
            f"link add {bridge.name} type bridge",
            f'link set {bridge.name} alias "{bridge.mark}"',
        ]
        run(["ip", "-batch", "-"], root=True, stdin="\n".join(made) + "\n", timeout=10)
    run(["sysctl", "-qw", f"net.ipv6.conf.{bridge.name}.accept_ra=0"], root=True, timeout=10)
    run(["ip", "-batch", "-"], root=True, stdin="\n".join(steps) + "\n", timeout=10)


def remove(bridge: Bridge) -> bool:
    """Remove ``bridge`` if it is ours; False where there was none of ours."""
    for link in _links():
        if link.get("ifname") == bridge.name and link.get("ifalias") == bridge.mark:
            run(["ip", "link", "delete", bridge.name, "type", "bridge"], root=True)
            return True
    return False


def others(root: Path) -> list[str]:
    """The bridges of other checkouts of hostonly on this machine."""
    return [
        str(link["ifname"])
        for link in _links()
        if str(link.get("ifalias", "")).startswith(f"{MARK} ")
        and link["ifalias"] != f"{MARK} {root}"
    ]
