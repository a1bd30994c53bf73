"""The outsiders (``hostonly.host.outsiders``): two neighbours on a LAN, and a rogue container."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from hostonly.checks.outsiders.opened import opened
from hostonly.errors import HostonlyError, ToolFailed
from hostonly.host.command import end, run, start
from hostonly.host.outsiders import Outsider, outsiders, remove, take_away
from hostonly.process import as_root
from hostonly.site import Site
from hostonly.waiting import limit, more_patience, until

NETWORKS = {"-4": "198.51.100.0/24", "-6": "2001:db8:6f73::/48"}

# A Python that starts on a busy machine.
HELLO_SECONDS = 20.0
POLL_SECONDS = 0.05


@contextlib.contextmanager
def made(site: Site, *, ipv6: bool) -> Iterator[tuple[Outsider, Outsider, Outsider]]:
    """Yield all three outsiders in this context; leftovers of a killed run are removed first.

    Nothing stands in their way to the sandbox meanwhile but our own firewall table. Without
    ``ipv6`` they have IPv4 only.

    Raises:
        HostonlyError: their addresses are in use on this machine.
        ToolFailed: there are no namespaces here.
    """
    three = outsiders(site)
    remove(site)
    _refuse_conflicts(ipv6)
    try:
        for each in three:
            _make(each, site, ipv6)
        with opened(site, [each.router for each in three], _masked(three), ipv6=ipv6):
            yield three
    finally:
        take_away(three)


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


def _as_ourselves() -> list[str]:
    """Return the prefix by which root in a namespace goes on as the user who called.

    It has that user's right to files, and the right to open any port."""
    if os.geteuid() == 0:
        return []
    right = "+net_bind_service"
    user = [f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--clear-groups"]
    return ["setpriv", *user, f"--inh-caps={right}", f"--ambient-caps={right}"]


@contextlib.contextmanager
def hello_at(outsider: Outsider, port: int) -> Iterator[None]:
    """Run a HelloSocket at ``outsider``, for others to reach.

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
    process = start(command)
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
