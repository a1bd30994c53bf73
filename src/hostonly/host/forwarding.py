"""Forwarding between the NAT bridge and the world: two per-interface switches, put back afterwards.

The global ``net.ipv4.ip_forward`` is not touched: it would make a router of every interface.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from hostonly.host.command import run
from hostonly.settings import Settings

PROC = Path("/proc/sys/net/ipv4/conf")


def uplinks() -> list[str]:
    """The interfaces of the default routes: where answers to the sandbox come in."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "default"], timeout=10))
    return sorted({str(route["dev"]) for route in routes if "dev" in route})


def _read(interface: str) -> str | None:
    try:
        return (PROC / interface / "forwarding").read_text().strip()
    except FileNotFoundError:
        return None


def _write(interface: str, value: str) -> None:
    # A VLAN's name has a dot, which sysctl's own separator is as well: slashes are unambiguous.
    run(["sysctl", "-qw", f"net/ipv4/conf/{interface}/forwarding={value}"], root=True, timeout=10)


def enable(settings: Settings, journal: Path) -> None:
    """Let packets pass between the NAT bridge and the uplinks; ``journal`` keeps what was before."""
    before: dict[str, str] = json.loads(journal.read_text()) if journal.exists() else {}
    todo = []
    for interface in [settings.network.nat_bridge, *uplinks()]:
        value = _read(interface)
        if value == "0":
            todo.append(interface)
            if interface != settings.network.nat_bridge:
                before.setdefault(interface, value)
    # Written before anything is changed: a kill between the two loses nothing.
    written = journal.with_suffix(".new")
    written.write_text(json.dumps(before))
    os.replace(written, journal)
    for interface in todo:
        _write(interface, "1")


def restore(journal: Path) -> list[str]:
    """Put back what ``enable`` found; the names of the interfaces that were changed back."""
    if not journal.exists():
        return []
    changed = []
    before: dict[str, str] = json.loads(journal.read_text())
    for interface, value in before.items():
        if _read(interface) not in (None, value):
            _write(interface, value)
            changed.append(interface)
    journal.unlink()
    return changed
