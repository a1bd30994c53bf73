"""Forwarding between the NAT bridge and the world: two per-interface switches, put back afterwards.

The global ``net.ipv4.ip_forward`` is not touched: it would make a router of every interface.
"""

from __future__ import annotations

import json
from pathlib import Path

from hostonly.host.command import run
from hostonly.settings import Settings

PROC = Path("/proc/sys/net/ipv4/conf")


def uplinks() -> list[str]:
    """The interfaces of the default routes: where answers to the sandbox come in."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "default"], timeout=10))
    return sorted({str(route["dev"]) for route in routes if "dev" in route})


def value(interface: str) -> str | None:
    """ "0" or "1" as the kernel has it for ``interface``; None where there is no such interface."""
    try:
        return (PROC / interface / "forwarding").read_text().strip()
    except FileNotFoundError:
        return None


def switch(interface: str, to: str) -> None:
    """Switch forwarding of what comes in by ``interface`` ``to`` "0" or "1". Raises ToolFailed."""
    # A VLAN's name has a dot, which sysctl's own separator is as well: slashes are unambiguous.
    run(["sysctl", "-qw", f"net/ipv4/conf/{interface}/forwarding={to}"], root=True, timeout=10)


def enable(settings: Settings, journal: Path) -> None:
    """Let packets pass between the NAT bridge and the uplinks.

    ``journal`` is root's file that keeps what was before; all checkouts of this machine share it,
    since they share the uplinks.
    """
    bridge = settings.network.nat_bridge
    todo = [name for name in [bridge, *uplinks()] if value(name) == "0"]
    before = _journalled(journal)
    changed = {name: "0" for name in todo if name != bridge} | before
    if changed != before:
        # Written before anything is changed: a kill between the two loses nothing.
        run(["mkdir", "-p", "-m", "0755", str(journal.parent)], root=True, timeout=10)
        run(["tee", str(journal)], root=True, stdin=json.dumps(changed), timeout=10)
    for interface in todo:
        switch(interface, "1")


def restore(journal: Path) -> list[str]:
    """Put back what ``enable`` found; the names of the interfaces that were changed back."""
    changed = []
    for interface, was in _journalled(journal).items():
        if value(interface) not in (None, was):
            switch(interface, was)
            changed.append(interface)
    if journal.exists():
        run(["rm", "-f", str(journal)], root=True, timeout=10)
    return changed


def _journalled(journal: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(journal.read_text())
    except (FileNotFoundError, ValueError):
        # Cut off while it was written: then nothing was changed yet.
        return {}
    return found
