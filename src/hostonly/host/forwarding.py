"""Forwarding between the NAT bridge and the world: per-interface switches.

The global ``net.ipv4.ip_forward`` is not touched: it would make a router of every interface. Who
turns it (Docker does, when it starts) turns those of all interfaces with it.
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
    """The interfaces of the default routes: where answers to the sandbox come in."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "default"], timeout=10))
    return sorted({str(route["dev"]) for route in routes if "dev" in route})


def needed(site: Site) -> list[Switch]:
    """What lets packets pass between the NAT bridge and the uplinks."""
    interfaces = [site.nat.name, *uplinks()]
    return [Switch(of(name), "1", ALL) for name in interfaces]


def of(interface: str) -> str:
    """The switch of what comes in by ``interface``."""
    return f"net/ipv4/conf/{interface}/forwarding"


def value(interface: str) -> str | None:
    """ "0" or "1" as the kernel has it for ``interface``; None where there is no such interface."""
    return switches.value(of(interface))


def switch(interface: str, to: str) -> None:
    """Switch forwarding of what comes in by ``interface`` ``to`` "0" or "1". Raises ToolFailed."""
    switches.write({of(interface): to})
