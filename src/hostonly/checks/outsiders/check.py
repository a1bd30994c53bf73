"""The check that nobody else reaches the sandbox through this machine.

A neighbour on the LAN routes the sandbox's networks by this machine, which would forward the
packets; a container of somebody else's is behind a bridge of this machine. Meanwhile only our
firewall table is in their way (``hostonly.checks.outsiders.opened``), and the sandbox is even given
a way back for its answers: without the table they are answered, and the check FAILS.

All of the sandbox's addresses that can be routed to are tried. By itself it has no such IPv6
address on the host-only network (a link-local one is for its link alone, and no router carries a
packet to it), so that it gets one for the check, as from somebody who wants IPv6 there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Interface
from typing import Any

from hostonly.checks.outsiders.made import hello_at, made
from hostonly.checks.outsiders.opened import not_forwarding6
from hostonly.claims.reach import SILENT, unreachable
from hostonly.claims.sandbox import ports_open, route_host_only
from hostonly.errors import HostonlyError, Unreachable
from hostonly.events import Started
from hostonly.facts import Fact, NotObserved, Question, observe, observe_all, select, together
from hostonly.facts.ipv6 import ipv6_off
from hostonly.facts.reach import reach
from hostonly.facts.routes import route_to, routes
from hostonly.host.outsiders import Outsider
from hostonly.ownership import lock
from hostonly.process import as_root
from hostonly.sandbox.machine import Machine
from hostonly.site import SSH_PORT, Site
from hostonly.stage.judge import Judge
from hostonly.vantages import Host, Vantage

ENGINE_PORT = 2375
LINK = "eth1"
NAT = "nat"


@dataclass(frozen=True, slots=True)
class Door:
    """An address of the sandbox; ``bridge`` is the host's own way to it.

    ``absent`` says why there is no such address to try; it is None where there is one."""

    kind: str
    address: str
    bridge: str
    absent: NotObserved | None = None

    @property
    def version(self) -> int:
        """The version of IP."""
        return 6 if ":" in self.address else 4

    @property
    def shown(self) -> str:
        """The address as it is written before a port."""
        return f"[{self.address}]" if self.version == 6 else self.address


def check(site: Site, claims: Judge) -> None:
    """Try to reach the sandbox as outsiders would, and as the host does.

    Raises:
        HostonlyError: the sandbox is not running, or no outsider could be made.
    """
    # Two at once would take each other's neighbours away, and no sandbox may go meanwhile.
    with lock.sandboxes(site, "check.host-only", claims.emit):
        _check(site, claims)


def _check(site: Site, claims: Judge) -> None:
    machine, host = Machine(site, claims.emit), Host()
    machine.require_running()
    about = {
        "address": machine.address,
        "bridge": site.bridge.name,
        "source": str(site.bridge.address.ip),
    }
    way, main = observe(host, route_to(machine.address)), observe(host, routes())
    claims.judge(route_host_only, dict(about), way=way, routes=main)
    with machine.vantage() as sandbox:
        absent = _without_ipv6(site, host, sandbox)
        claims.emit(Started("two neighbours on a LAN and a rogue container, and what they reach"))
        with made(site, ipv6=absent is None) as three:
            near, far, rogue = three
            ours = None if absent else addresses6(site)
            tried, who = doors(site, absent), (near, rogue)
            with hello_at(far, site.hello_port):
                # Answers from the NAT address find their way by themselves, the others with a route.
                facts = _tried(site, [d for d in tried if d.kind == NAT], who, far)
                with _way_back(site, sandbox, near, ours):
                    facts |= _tried(site, [d for d in tried if d.kind != NAT], who, far)
            judge(claims, site, tried, who, facts)


def addresses6(site: Site) -> tuple[IPv6Interface, IPv6Interface]:
    """Return the IPv6 addresses that host and sandbox have on the host-only network for the check.

    They are of the range that everybody may use without asking (RFC 4193)."""
    number = int(site.bridge.address.ip) & 0xFFFF
    ours, theirs = (f"fd68:6f73:7401:{number:x}::{host}/64" for host in (1, 2))
    return IPv6Interface(ours), IPv6Interface(theirs)


def doors(site: Site, absent: NotObserved | None) -> tuple[Door, ...]:
    """Return the sandbox's addresses; ``absent`` is why it has none of IPv6."""
    # The Vagrantfile gives the first sandbox the address after the bridge's own.
    return (
        Door("host-only", site.sandbox.address, site.bridge.name),
        Door("ipv6", str(addresses6(site)[1].ip), site.bridge.name, absent),
        Door(NAT, str(site.sandbox.nat.address.ip), site.nat.name),
    )


def services(site: Site) -> dict[str, int]:
    """Return the services that are asked for, with their ports."""
    return {
        "ssh": SSH_PORT,
        "registry": site.registry_port,
        "engine": ENGINE_PORT,
        "hello": site.hello_port,
    }


def _tried(
    site: Site, tried: Sequence[Door], who: Sequence[Outsider], other: Outsider
) -> dict[Any, Fact[Any]]:
    """Return what outsiders and host observe at all doors at once, with controls of that time."""
    host, ports = Host(), services(site)
    looks: dict[Any, Question[Any]] = {}
    there = [door for door in tried if door.absent is None]
    for each in who:
        for door in there:
            to = other.address6 if door.version == 6 else other.address
            control = reach(str(to.ip), site.hello_port)
            looks["control", each, door] = _from(each, control)
            looks["way", each, door] = _from(each, route_to(door.address))
            for port in ports.values():
                looks["attempt", each, door, port] = _from(each, reach(door.address, port))
    return observe_all(host, looks) | _from_host(host, there, ports)


def judge(
    claims: Judge,
    site: Site,
    tried: Sequence[Door],
    who: Sequence[Outsider],
    facts: dict[Any, Fact[Any]],
) -> None:
    """Judge what ``who`` and the host have observed at the doors that were ``tried``."""
    ports = services(site)
    for each in who:
        for door in tried:
            for service, port in ports.items():
                about = _about(each, door, service, port)
                if door.absent is not None:
                    claims.skip(unreachable, door.absent.because, about, door.absent.evidence)
                    continue
                claims.judge(
                    unreachable,
                    about,
                    attempt=facts["attempt", each, door, port],
                    control=facts["control", each, door],
                    way=facts["way", each, door],
                    witness=facts["witness", door, port],
                )
    door, shown = tried[0], (ports["ssh"], ports["registry"])
    claims.judge(
        ports_open,
        {"address": door.address, "ports": f"{shown[0]} (ssh) and {shown[1]} (registry)"},
        reaches=select(
            together([facts["witness", door, port] for port in shown]),
            lambda values: dict(zip(shown, values, strict=True)),
        ),
    )


def _about(each: Outsider, door: Door, service: str, port: int) -> dict[str, object]:
    name = each.vantage.name
    return {
        "topic": f"{name.split()[-1]}.{door.kind}.{service}",
        "place": name,
        "target": f"the sandbox's {service}",
        "address": door.shown,
        "port": port,
        "expected": SILENT,
        "device": "eth0",
    }


def _from(each: Outsider, question: Question[Any]) -> Question[Any]:
    """Return ``question`` from an outsider's place, to be asked on the host."""
    return question.behind(*each.vantage.argv([]), place=each.vantage.name)


def _from_host(host: Vantage, there: Sequence[Door], ports: dict[str, int]) -> dict[Any, Fact[Any]]:
    """Return the witnesses, the host at each door: the sandbox is alive, and shuts nobody out."""
    return observe_all(
        host,
        {
            ("witness", door, port): reach(
                door.address, port, bridge=door.bridge, only_connect=True
            )
            for door in there
            for port in ports.values()
        },
    )


def _without_ipv6(site: Site, host: Vantage, sandbox: Vantage) -> NotObserved | None:
    """Return why nobody could reach the sandbox by IPv6; None where somebody could."""
    # What every new link begins with, those of the outsiders that are about to be made, too.
    for at, link in ((host, "default"), (host, site.bridge.name), (sandbox, LINK)):
        off = observe(at, ipv6_off(link))
        if isinstance(off, NotObserved):
            return off
        if off.value is not None:
            return NotObserved(off.value, off.evidence)
    because = not_forwarding6(site)
    return None if because is None else NotObserved(because)


@contextlib.contextmanager
def _way_back(
    site: Site,
    sandbox: Vantage,
    near: Outsider,
    addresses: tuple[IPv6Interface, IPv6Interface] | None,
) -> Iterator[None]:
    """Set a route in the sandbox to the neighbour, and IPv6 ``addresses`` of host and sandbox.

    The route goes by the host-only network. All is removed when the context ends.

    Raises:
        HostonlyError: something could not be set, so that the check would prove nothing.
    """
    bridge = site.bridge.name
    host = Host()
    route = [f"{near.address.ip}/32", "via", str(site.bridge.address.ip), "dev", LINK]
    todo: list[tuple[Vantage, list[str], list[str], list[str]]] = [
        (sandbox, ["sudo", "ip", "route"], route, [])
    ]
    if addresses is not None:
        ours, theirs = addresses
        route6 = [f"{near.address6.ip}/128", "via", str(ours.ip), "dev", LINK]
        todo += [
            # Nobody else has these addresses: they may be used at once.
            (host, as_root(["ip", "address"]), [str(ours), "dev", bridge], ["nodad"]),
            (sandbox, ["sudo", "ip", "address"], [str(theirs), "dev", LINK], ["nodad"]),
            (sandbox, ["sudo", "ip", "-6", "route"], route6, []),
        ]
    done: list[tuple[Vantage, list[str]]] = []
    try:
        for where, command, what, how in todo:
            result = where.run([*command, "replace", *what, *how])
            if not result.ok:
                raise HostonlyError(
                    "the sandbox has no way back to the neighbour, so its silence would prove nothing",
                    ran=result.command,
                    output=result.output,
                )
            done.append((where, [*command, "delete", *what]))
        yield
    finally:
        for where, undo in reversed(done):
            with contextlib.suppress(Unreachable):
                where.run(undo)
