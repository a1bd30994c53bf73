"""The outsiders: two neighbours of this machine on a LAN, and a container of somebody else's.

Each is a network namespace, made for check.host-only and removed after it
(``hostonly.checks.outsiders``), with this machine as its router. The neighbours have a link of
their own to it; the container is behind a bridge and goes out under this machine's address, as with
the host's own Docker. Their addresses are from TEST-NET-2 (RFC 5737) and from 2001:db8::/32 (RFC
3849), which are nobody's. This module has their names, and removes them where a run was killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.host import firewall, forward_chain, forwarding
from hostonly.host.command import run
from hostonly.site import MARK, Site
from hostonly.vantages.neighbour import Neighbour

NAMES = ("LAN neighbour", "other LAN neighbour", "rogue container")
# A link's name has at most fifteen characters, so the sandbox's name is not in it.
LINK, BRIDGE = "holan", "horogue"
PROC6 = Path("/proc/sys/net/ipv6/conf")


@dataclass(frozen=True, slots=True)
class Outsider:
    """One outsider. ``device`` is this machine's end of its link; the other end is eth0 there.

    ``bridge`` holds ``device``, for an outsider that goes out under this machine's address.
    """

    vantage: Neighbour
    device: str
    gateway: IPv4Interface
    address: IPv4Interface
    gateway6: IPv6Interface
    address6: IPv6Interface
    bridge: str | None = None

    @property
    def router(self) -> str:
        """The interface of this machine that the outsider's packets come in by."""
        return self.bridge or self.device


def outsiders(site: Site) -> tuple[Outsider, Outsider, Outsider]:
    """Return the two neighbours and the container for the checkout of ``site``, made or not."""
    number = int(site.bridge.address.ip) & 0xFFFF

    def outsider(index: int, bridge: str | None = None) -> Outsider:
        ours, theirs = 4 * index + 1, 4 * index + 2
        network = f"2001:db8:6f73:{index + 1}::"
        return Outsider(
            Neighbour(NAMES[index], f"{MARK}-{site.name}-{index}"),
            f"{LINK}{number:04x}{index}",
            IPv4Interface(f"198.51.100.{ours}/30"),
            IPv4Interface(f"198.51.100.{theirs}/30"),
            IPv6Interface(f"{network}1/64"),
            IPv6Interface(f"{network}2/64"),
            bridge,
        )

    return outsider(0), outsider(1), outsider(2, f"{BRIDGE}{number:04x}")


def table(sandboxes: str) -> str:
    """Return the name of the table that hides the rogue container behind this machine's address.

    The table is that of the checkout whose sandboxes are called ``sandboxes``.
    """
    # No sandbox's name has a dot, so this is no other checkout's own table.
    return f"{firewall.table_name(sandboxes)}.rogue"


def remove(site: Site) -> bool:
    """Remove everything that a killed run left; return False where there was nothing."""
    three = outsiders(site)
    there = any(
        Path("/run/netns", each.vantage.namespace).exists() or _links(each) for each in three
    )
    if there:
        # Made after the links and removed before them: without links there are no rules either.
        close(site, [each.router for each in three])
        take_away(three)
    return there


def take_away(three: tuple[Outsider, ...]) -> None:
    """Remove what exists of the ``three``: namespaces, their processes, links."""
    for each in three:
        namespace = each.vantage.namespace
        # The link goes with the namespace of its other end, and that with its processes.
        if Path("/run/netns", namespace).exists():
            processes = run(["ip", "netns", "pids", namespace], root=True, timeout=10).split()
            if processes:
                with contextlib.suppress(ToolFailed):
                    run(["kill", "-KILL", *processes], root=True, timeout=10)
            run(["ip", "netns", "delete", namespace], root=True, timeout=10)
        # A run that was cut off between the two steps has left a link without another end.
        for name in _links(each):
            with contextlib.suppress(ToolFailed):
                run(["ip", "link", "delete", name], root=True, timeout=10)


def _links(each: Outsider) -> list[str]:
    names = [each.device, *([each.bridge] if each.bridge else [])]
    return [name for name in names if Path("/sys/class/net", name).exists()]


def close(site: Site, links: Sequence[str]) -> None:
    """Put back the switches turned for the outsiders on ``links``, and remove their rules.

    They were made by ``hostonly.checks.outsiders.opened``. The bridge's switches get the values of
    every new link, as the bridge had: present values say nothing after a killed run.
    """
    bridge = site.bridge.name
    # The switches of links that come and go need no putting back.
    new = forwarding.value("default")
    if new is not None and forwarding.value(bridge) not in (None, new):
        forwarding.switch(bridge, new)
    new = read(PROC6 / "default" / "force_forwarding")
    if new is not None and read(PROC6 / bridge / "force_forwarding") not in (None, new):
        force(bridge, new)
    for program in (forward_chain.IPV4, forward_chain.IPV6):
        forward_chain.remove(program, links)
    with contextlib.suppress(ToolFailed):
        run(["nft", "delete", "table", "inet", table(site.name)], root=True, timeout=10)


def force(link: str, to: str) -> None:
    """Switch IPv6 forwarding of ``link`` ``to`` a value, where the kernel has such a switch."""
    if (PROC6 / link / "force_forwarding").exists():
        run(["sysctl", "-qw", f"net/ipv6/conf/{link}/force_forwarding={to}"], root=True, timeout=10)


def read(file: Path) -> str | None:
    """Return the content of a switch's file; None where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return None
