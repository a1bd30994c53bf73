"""The sandboxes' ends of the NAT bridge: the MAC and the address of each one's eth0.

The `Vagrantfile` gives a sandbox both, by the same rule; ``tests/unit/host/test_ends.py`` holds the
two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from hostonly.site import Site

# The number of a sandbox's link: eth0 on the NAT bridge, eth1 on the host-only one.
ETH0, ETH1 = 0, 1
# Of this machine's end of either.
BRIDGE = 2


@dataclass(frozen=True, slots=True)
class End:
    """What a sandbox's eth0 may send as."""

    mac: str
    address: IPv4Address


def mac(address: IPv4Address, link: int) -> str:
    """The MAC of the ``link`` of the sandbox whose host-only address is ``address``; of a bridge, by its own.

    A local one (bit 1 of its first octet), so that no card has it; the address makes it the
    machine's only one.
    """
    return ":".join(f"{octet:02x}" for octet in (0x0E, link, *address.packed))


def nat_ends(site: Site) -> tuple[End, ...]:
    """The first and the second sandbox's: their NAT addresses are the ones after the host's."""
    net = site.network
    return tuple(
        End(mac(address, ETH0), net.nat.ip + 1 + number)
        for number, address in enumerate((net.sandbox, net.sandbox2))
    )
