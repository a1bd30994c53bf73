"""Forwarding between the NAT bridge and the world: per-interface switches.

The global ``net.ipv4.ip_forward`` is not touched: it would make a router of every interface. A
program that turns it (Docker, when it starts) turns the switches of all interfaces with it.
"""

from __future__ import annotations

import json

from hostonly.host import switches
from hostonly.host.command import run
from hostonly.host.switches import Switch
from hostonly.site import Site

# The same as net.ipv4.ip_forward.
ALL = "net/ipv4/conf/all/forwarding"


def uplinks() -> list[str]:
    """Return the interfaces of the default routes, where answers to the sandbox come in."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "default"], timeout=10))
    return sorted({str(route["dev"]) for route in routes if "dev" in route})


def needed(site: Site) -> list[Switch]:
    """Return the switches that let packets pass between the NAT bridge and the uplinks."""
    interfaces = [site.nat.name, *uplinks()]
    return [Switch(of(name), "1", ALL) for name in interfaces]


def of(interface: str) -> str:
    """Return the name of the switch for packets that come in by ``interface``."""
    return f"net/ipv4/conf/{interface}/forwarding"


def value(interface: str) -> str | None:
    """Return the kernel's "0" or "1" for ``interface``; None where there is no such interface."""
    return switches.value(of(interface))


def switch(interface: str, to: str) -> None:
    """Switch forwarding of packets that come in by ``interface`` ``to`` "0" or "1".

    Raises:
        ToolFailed: sysctl refused.
    """
    switches.write({of(interface): to})
