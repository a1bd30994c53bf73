"""Who is outside: two neighbours of this machine's on a LAN, and a container of somebody else's.

Each is a network namespace, made for a check and removed after it, with this machine as its router.
The neighbours have a link of their own to it; the container is behind a bridge and goes out under
this machine's address, as with the host's own Docker (``way_in``). Their addresses are from TEST-NET-2
(RFC 5737) and from 2001:db8::/32 (RFC 3849), which are nobody's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.host import way_in
from hostonly.host.command import as_root, end, run
from hostonly.site import MARK, Site
from hostonly.vantages.neighbour import Neighbour
from hostonly.waiting import limit, more_patience, until

NAMES = ("LAN neighbour", "other LAN neighbour", "rogue container")
NETWORKS = {"-4": "198.51.100.0/24", "-6": "2001:db8:6f73::/48"}
# Fifteen characters are all a link's name may have, so the sandbox's name is not in it.
LINK, BRIDGE = "holan", "horogue"

# A Python that starts on a busy machine.
HELLO_SECONDS = 20.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Outsider:
    """One of them. ``device`` is this machine's end of its link, the other's is eth0 there;
    ``bridge`` is what that end is in, for one who goes out under this machine's address."""

    vantage: Neighbour
    device: str
    gateway: IPv4Interface
    address: IPv4Interface
    gateway6: IPv6Interface
    address6: IPv6Interface
    bridge: str | None = None

    @property
    def router(self) -> str:
        """This machine's interface that its packets come in by."""
        return self.bridge or self.device


def outsiders(site: Site) -> tuple[Outsider, Outsider, Outsider]:
    """The two neighbours and the container for the checkout of ``site``, made or not."""
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


@contextlib.contextmanager
def made(site: Site, *, ipv6: bool) -> Iterator[tuple[Outsider, Outsider, Outsider]]:
    """All three, for as long as the context lasts; what a killed run left is removed first.

    Nothing stands in their way to the sandbox meanwhile but our own firewall table. Without
    ``ipv6`` they have IPv4 only.

    Raises:
        HostonlyError: their addresses are in use on this machine. ToolFailed: no namespaces here.
    """
    three = outsiders(site)
    remove(site)
    _refuse_conflicts(ipv6)
    try:
        for each in three:
            _make(each, site, ipv6)
        with way_in.opened(site, [each.router for each in three], _masked(three), ipv6=ipv6):
            yield three
    finally:
        _remove(three)


def _masked(three: tuple[Outsider, ...]) -> str | None:
    return next((each.bridge for each in three if each.bridge is not None), None)


def _refuse_conflicts(ipv6: bool) -> None:
    for family, network in NETWORKS.items():
        if family == "-6" and not ipv6:
            continue
        command = ["ip", family, "route", "show", "root", network]
        routes = run(command, timeout=10)
        if routes.strip():
            raise HostonlyError(
                f"{network} (for documentation only) is in use on this machine, so no neighbour can be made",
                ran=" ".join(command),
                output=routes,
                remedy="Is check.host-only running in another checkout? Then again when it has ended.",
            )


def _make(each: Outsider, site: Site, ipv6: bool) -> None:
    namespace, mark = each.vantage.namespace, f'alias "{site.bridge.mark}"'
    run(["ip", "netns", "add", namespace], root=True, timeout=10)
    outside = [
        f"link add {each.device} type veth peer name eth0 netns {namespace}",
        f"link set {each.device} {mark}",
    ]
    if each.bridge is not None:
        outside += [
            f"link add {each.bridge} type bridge",
            f"link set {each.bridge} {mark}",
            f"link set {each.device} master {each.bridge}",
            f"link set {each.bridge} up",
        ]
    outside += [
        f"address add {each.gateway} dev {each.router}",
        f"link set {each.device} up",
    ]
    inside = [
        f"address add {each.address} dev eth0",
        "link set lo up",
        "link set eth0 up",
        f"route add default via {each.gateway.ip}",
    ]
    if ipv6:
        # Nobody else has these addresses: they may be used at once.
        outside.append(f"address add {each.gateway6} dev {each.router} nodad")
        inside.append(f"address add {each.address6} dev eth0 nodad")
        inside.append(f"route add default via {each.gateway6.ip}")
    run(["ip", "-batch", "-"], root=True, stdin="\n".join(outside) + "\n", timeout=10)
    batch = ["ip", "-netns", namespace, "-batch", "-"]
    run(batch, root=True, stdin="\n".join(inside) + "\n", timeout=10)


def remove(site: Site) -> bool:
    """Remove what a run left that was killed; False where there was nothing."""
    three = outsiders(site)
    there = any(
        Path("/run/netns", each.vantage.namespace).exists() or _links(each) for each in three
    )
    if there:
        # Made after the links and removed before them: without links there are no rules either.
        way_in.close(site, [each.router for each in three])
        _remove(three)
    return there


def _links(each: Outsider) -> list[str]:
    names = [each.device, *([each.bridge] if each.bridge else [])]
    return [name for name in names if Path("/sys/class/net", name).exists()]


def _remove(three: tuple[Outsider, ...]) -> None:
    for each in three:
        namespace = each.vantage.namespace
        # The link goes with the namespace that its other end is in, and that with its processes.
        if Path("/run/netns", namespace).exists():
            processes = run(["ip", "netns", "pids", namespace], root=True, timeout=10).split()
            if processes:
                with contextlib.suppress(ToolFailed):
                    run(["kill", "-KILL", *processes], root=True, timeout=10)
            run(["ip", "netns", "delete", namespace], root=True, timeout=10)
        # What was cut off between the two steps has no other end.
        for name in _links(each):
            with contextlib.suppress(ToolFailed):
                run(["ip", "link", "delete", name], root=True, timeout=10)


def _as_ourselves() -> list[str]:
    """What is root's in a namespace goes on as the user who called: with a user's right to files, and
    that of opening any port."""
    if os.geteuid() == 0:
        return []
    right = "+net_bind_service"
    user = [f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--clear-groups"]
    return ["setpriv", *user, f"--inh-caps={right}", f"--ambient-caps={right}"]


@contextlib.contextmanager
def hello_at(outsider: Outsider, port: int) -> Iterator[None]:
    """A HelloSocket there, for others to reach.

    Raises:
        ToolFailed: it did not begin to listen.
    """
    command = as_root(
        [
            *("nsenter", f"--net=/run/netns/{outsider.vantage.namespace}", "--"),
            *_as_ourselves(),
            *("env", f"HELLO_PORT={port}", sys.executable, "-m", "hostonly.hello", "neighbour"),
        ]
    )
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    try:
        listens = ["ss", "-Hltn", f"sport = :{port}"]
        seen = until(
            lambda: outsider.vantage.run(listens, timeout=5),
            lambda seen: bool(seen.stdout.strip() or not seen.ok or process.poll() is not None),
            HELLO_SECONDS,
            pause=POLL_SECONDS,
        )
        if not seen.ok:
            raise ToolFailed(
                "whether the neighbour's HelloSocket listens cannot be seen",
                ran=seen.command,
                output=seen.stderr,
            )
        if not seen.stdout.strip():
            late = process.poll() is None
            raise ToolFailed(
                "the neighbour's HelloSocket does not listen"
                + (f" within {limit(HELLO_SECONDS):g} s" if late else ": it has ended"),
                ran=" ".join(command),
                remedy=more_patience() if late else None,
            )
        yield
    finally:
        end(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
