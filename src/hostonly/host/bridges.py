"""The two bridges of a checkout: host-only (eth1 of the sandboxes) and NAT (their eth0).

The alias of each (``ip link show``) is the ownership mark: a bridge without it is somebody else's
and is neither used, changed nor removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import IPv4Interface, IPv4Network
from itertools import count, islice
from typing import Any

from hostonly.errors import Taken
from hostonly.host import switches
from hostonly.host.command import run
from hostonly.site import DOCKER_RANGE, MARK, Bridge, Site

ASK_AGAIN_MILLISECONDS = 20

# IFNAMSIZ of linux/if.h, without its final zero.
LINK_NAME = 15

# Routes to larger networks than this are ways to everywhere and claim no addresses.
OWNED_PREFIX = 8

# Types of routes to this machine itself, and "ask the next table": ip-route(8).
NO_WAY = ("local", "broadcast", "multicast", "anycast", "throw")

# RFC 1918, the least used first.
_PRIVATE = (IPv4Network("172.16.0.0/12"), IPv4Network("10.0.0.0/8"), IPv4Network("192.168.0.0/16"))
_CANDIDATES = 4096


def _links() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        run(["ip", "-json", "-details", "address"], timeout=10)
    )
    return found


def _routes() -> list[dict[str, Any]]:
    """Return the routes to other machines of all tables: a VPN may have one, asked before main."""
    found = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"], timeout=10))
    return [route for route in found if route.get("type") not in NO_WAY]


def present(bridge: Bridge) -> bool:
    """Return whether ``bridge`` exists, is ours, is up and has its address.

    Raises:
        Taken: a link of that name exists without our mark.
    """
    for link in _links():
        if link.get("ifname") != bridge.name:
            continue
        owner = link.get("ifalias")
        if owner != bridge.mark:
            whose = f"it belongs to {owner}" if owner else "it does not carry hostonly's mark"
            raise Taken(
                f"a link named {bridge.name} is already here, and {whose}: it was left as it is",
                ran="ip -details link show " + bridge.name,
                remedy="Give network.bridge and network.nat_bridge other names in invoke.yaml.",
            )
        addresses = {f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", [])}
        return "UP" in link.get("flags", []) and str(bridge.address) in addresses
    return False


def conflicts(bridge: Bridge) -> list[str]:
    """Return a sentence for each other use of addresses of ``bridge``'s network on this machine."""
    network = bridge.address.network
    found: dict[str, str] = {}
    ours = False
    for link in _links():
        if (link.get("ifname"), link.get("ifalias")) == (bridge.name, bridge.mark):
            ours = True
            continue
        for address in link.get("addr_info", []):
            if address.get("family") != "inet":
                continue
            theirs = IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False)
            if theirs.overlaps(network):
                owner = f" ({link['ifalias']})" if link.get("ifalias") else ""
                found[link["ifname"]] = (
                    f"{link['ifname']}{owner} has {address['local']}/{theirs.prefixlen}"
                )
    for route in _routes():
        device = route.get("dev", "nowhere")
        # A link's own route says nothing that its address did not.
        if route.get("dst") == "default" or (ours and device == bridge.name):
            continue
        theirs = IPv4Network(route["dst"], strict=False)
        # A VPN for all traffic routes two halves of the world: a default route, no addresses of its
        # own.
        if theirs.prefixlen >= OWNED_PREFIX and theirs.overlaps(network):
            by = route.get("gateway") or device
            table = f" (table {route['table']})" if "table" in route else ""
            found.setdefault(device, f"the route to {route['dst']} leaves by {by}{table}")
    return list(found.values())


def free_network(prefix: int, *, beside: Sequence[IPv4Network] = ()) -> IPv4Network | None:
    """Return a private network of ``prefix`` bits that nobody on this machine uses, or None.

    It is neither Docker's own network in a sandbox nor one of those that it shall be ``beside``.
    """
    taken = [*_used(), DOCKER_RANGE, *beside]
    for block in _PRIVATE:
        if prefix < block.prefixlen:
            continue
        for candidate in islice(block.subnets(new_prefix=prefix), _CANDIDATES):
            if not any(candidate.overlaps(theirs) for theirs in taken):
                return candidate
    return None


def _used() -> list[IPv4Network]:
    addresses = [
        IPv4Interface(f"{a['local']}/{a['prefixlen']}").network
        for link in _links()
        for a in link.get("addr_info", [])
        if a.get("family") == "inet"
    ]
    routed = [IPv4Network(r["dst"], strict=False) for r in _routes() if r.get("dst") != "default"]
    return [network for network in addresses + routed if network.prefixlen >= OWNED_PREFIX]


def refuse_conflicts(bridge: Bridge, setting: str) -> None:
    """Stop where somebody else on this machine uses addresses of ``bridge``'s network.

    ``setting`` is the key under ``network`` that gives the bridge's address: ``host`` or ``nat``.

    Raises:
        Taken: they are in use, with the names of who uses them.
    """
    if theirs := conflicts(bridge):
        raise Taken(
            f"{bridge.address.network} is already in use on this machine: {'; '.join(theirs)}",
            remedy=f"Nothing was changed. Give network.{setting} in invoke.yaml a range of its own.",
        )


def free_name(wanted: str, *, beside: str = "") -> str:
    """Return a name like ``wanted`` that no link of this machine has, other than ``beside``."""
    taken = {str(link.get("ifname")) for link in _links()} | {beside}
    stem = wanted.rstrip("0123456789")
    names = (f"{stem[: LINK_NAME - len(str(n))]}{n}" for n in count(1))
    return next(name for name in names if name not in taken)


def create(bridge: Bridge) -> None:
    """Make ``bridge``, or complete it where an earlier attempt was cut off.

    It never listens to router advertisements.

    Raises:
        ToolFailed: the kernel refused it.
    """
    steps = [
        f"address replace {bridge.address} dev {bridge.name}",
        f"link set {bridge.name} up",
    ]
    if not any(link.get("ifname") == bridge.name for link in _links()):
        # The kernel takes an alias only after the link exists: one batch, so that both come
        # together. The bridge gets a MAC of its own: else it has that of one of its ports, which
        # come and go, and sandboxes send to the one that they remember.
        made = [
            f"link add {bridge.name} address {bridge.mac} type bridge",
            f'link set {bridge.name} alias "{bridge.mark}"',
        ]
        run(["ip", "-batch", "-"], root=True, stdin="\n".join(made) + "\n", timeout=10)
    # These switches go with the bridge. They refuse router advertisements, and packets from
    # addresses whose way back does not lead over this bridge.
    heard = f"net/ipv6/conf/{bridge.name}/accept_ra"
    guards = [
        # A kernel without IPv6 has no such switch, and hears none.
        *([f"{heard}=0"] if switches.value(heard) is not None else []),
        f"net/ipv4/conf/{bridge.name}/rp_filter=1",
        # The route to a sandbox stays on this bridge while no sandbox is there.
        f"net/ipv4/conf/{bridge.name}/ignore_routes_with_linkdown=0",
        # A question for the address of a sandbox that boots is repeated sooner than in a second.
        f"net/ipv4/neigh/{bridge.name}/retrans_time_ms={ASK_AGAIN_MILLISECONDS}",
    ]
    run(["sysctl", "-qw", *guards], root=True, timeout=10)
    run(["ip", "-batch", "-"], root=True, stdin="\n".join(steps) + "\n", timeout=10)


def forget(addresses: dict[Bridge, str]) -> None:
    """Make this machine forget the MAC of the address on each bridge.

    The next owner may have another, and would not be reached for up to a minute (ip-neighbour(8)).

    Raises:
        ToolFailed: the kernel refused it.
    """
    lines = [f"neigh flush to {address} dev {bridge.name}" for bridge, address in addresses.items()]
    run(["ip", "-batch", "-"], root=True, stdin="\n".join(lines) + "\n", timeout=10)


def remove(bridge: Bridge) -> bool:
    """Remove ``bridge`` if it is ours; return False where there was none of ours."""
    for link in _links():
        if link.get("ifname") == bridge.name and link.get("ifalias") == bridge.mark:
            run(["ip", "link", "delete", bridge.name, "type", "bridge"], root=True)
            return True
    return False


def others(site: Site) -> list[str]:
    """Return the other checkouts of hostonly that have bridges on this machine."""
    marks = {str(link.get("ifalias", "")) for link in _links()} - {site.bridge.mark}
    return sorted(mark.removeprefix(f"{MARK} ") for mark in marks if mark.startswith(f"{MARK} "))
