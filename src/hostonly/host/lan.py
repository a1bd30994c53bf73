"""Two neighbours of this machine, each alone on a link to it, with this machine as their router.

They are network namespaces, made for a check and removed after it. So that this machine would carry
their packets on, forwarding is switched on for their links and for the host-only bridge meanwhile. Their addresses are
from TEST-NET-2 (RFC 5737), which is nobody's.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.host import forwarding
from hostonly.host.bridges import MARK
from hostonly.host.command import as_root, end, run
from hostonly.settings import Settings
from hostonly.vantages.neighbour import Neighbour

NETWORKS = (IPv4Network("198.51.100.0/30"), IPv4Network("198.51.100.4/30"))
NAMES = ("LAN neighbour", "other LAN neighbour")


@dataclass(frozen=True, slots=True)
class Link:
    """A neighbour and its link: ``device`` is this machine's end; the other's is eth0 there."""

    vantage: Neighbour
    device: str
    gateway: IPv4Address
    address: IPv4Address
    prefix: int


def links(settings: Settings) -> tuple[Link, Link]:
    """The two neighbours for the checkout of ``settings``, made or not."""
    # Fifteen characters are all a link's name may have, so the sandbox's name is not in it.
    number = int(settings.network.host.ip) & 0xFFFF
    first, second = (
        Link(
            Neighbour(name, f"{MARK}-{settings.sandbox.name}-{index}"),
            f"holan{number:04x}{index}",
            network[1],
            network[2],
            network.prefixlen,
        )
        for index, (name, network) in enumerate(zip(NAMES, NETWORKS, strict=True))
    )
    return first, second


@contextlib.contextmanager
def neighbours(settings: Settings) -> Iterator[tuple[Link, Link]]:
    """Both neighbours, for as long as the context lasts; what a killed run left is removed first.

    Raises:
        HostonlyError: their addresses are in use on this machine. ToolFailed: no namespaces here.
    """
    made, bridge = links(settings), settings.network.bridge
    _remove(made)
    routes = run(["ip", "-4", "route", "show", "root", "198.51.100.0/24"], timeout=10)
    if routes.strip():
        raise HostonlyError(
            "198.51.100.0/24 (TEST-NET-2) is in use on this machine, so no neighbour can be made",
            ran="ip -4 route show root 198.51.100.0/24",
            output=routes,
        )
    try:
        for link in made:
            _make(link, settings)
        # As where the user has set ip_forward=1: it must not be this switch that keeps them out.
        before = forwarding.value(bridge)
        forwarding.switch(bridge, "1")
        try:
            yield made
        finally:
            if before is not None:
                forwarding.switch(bridge, before)
    finally:
        _remove(made)


def _make(link: Link, settings: Settings) -> None:
    namespace = link.vantage.namespace
    run(["ip", "netns", "add", namespace], root=True, timeout=10)
    outside = [
        f"link add {link.device} type veth peer name eth0 netns {namespace}",
        f'link set {link.device} alias "{MARK} {settings.root}"',
        f"address add {link.gateway}/{link.prefix} dev {link.device}",
        f"link set {link.device} up",
    ]
    inside = [
        f"address add {link.address}/{link.prefix} dev eth0",
        "link set lo up",
        "link set eth0 up",
        f"route add default via {link.gateway}",
    ]
    run(["ip", "-batch", "-"], root=True, stdin="\n".join(outside) + "\n", timeout=10)
    batch = ["ip", "-netns", namespace, "-batch", "-"]
    run(batch, root=True, stdin="\n".join(inside) + "\n", timeout=10)
    forwarding.switch(link.device, "1")


def remove(settings: Settings) -> bool:
    """Remove what a run left that was killed; False where there was nothing."""
    made = links(settings)
    there = any(
        Path("/run/netns", link.vantage.namespace).exists()
        or Path("/sys/class/net", link.device).exists()
        for link in made
    )
    if there:
        _remove(made)
    return there


def _remove(made: tuple[Link, Link]) -> None:
    for link in made:
        # The link goes with the namespace that its other end is in.
        if Path("/run/netns", link.vantage.namespace).exists():
            run(["ip", "netns", "delete", link.vantage.namespace], root=True, timeout=10)
        # What was cut off between the two steps has no other end.
        if Path("/sys/class/net", link.device).exists():
            with contextlib.suppress(ToolFailed):
                run(["ip", "link", "delete", link.device], root=True, timeout=10)


@contextlib.contextmanager
def hello_at(link: Link, port: int) -> Iterator[None]:
    """A HelloSocket at the neighbour, for others to reach.

    Raises:
        ToolFailed: it did not begin to listen.
    """
    command = as_root(
        [
            *("nsenter", f"--net=/run/netns/{link.vantage.namespace}", "--"),
            *("env", f"HELLO_PORT={port}", sys.executable, "-m", "hostonly.hello", "neighbour"),
        ]
    )
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        listens = ["ss", "-Hltn", f"sport = :{port}"]
        for _ in range(100):
            if link.vantage.run(listens, timeout=5).stdout.strip():
                break
            if process.poll() is not None:
                break
        else:
            raise ToolFailed("the neighbour's HelloSocket does not listen", ran=" ".join(command))
        yield
    finally:
        end(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
