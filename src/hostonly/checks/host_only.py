"""Does anybody else reach the sandbox through this machine?

A neighbour on the LAN routes the host-only network by this machine, and this machine would carry its
packets on. The sandbox is even given a way back for the answers, so that nothing but our firewall
table stands between them: without it the neighbour is answered, and the check FAILS.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from hostonly.checks.sides import Judged
from hostonly.claims.reach import SILENT, unreachable
from hostonly.claims.sandbox import ports_open, route_host_only
from hostonly.errors import HostonlyError
from hostonly.events import Emit, Started
from hostonly.facts import Fact, together
from hostonly.facts.fact import select
from hostonly.facts.reach import Reach, observe_reach
from hostonly.facts.routes import observe_routes, route_to
from hostonly.host.lan import Link, hello_at, neighbours
from hostonly.report.model import CheckResult
from hostonly.sandbox.machine import Machine
from hostonly.settings import SSH_PORT, Settings
from hostonly.vantages import Host, Vantage

NAME = "host-only"
ENGINE_PORT = 2375


def check(settings: Settings, emit: Emit) -> CheckResult:
    """Try to reach the sandbox as a neighbour would, and as the host does.

    Raises:
        HostonlyError: the sandbox is not running, or no neighbour could be made.
    """
    start = time.monotonic()
    claims = Judged(emit)
    machine, network, host = Machine(settings, emit), settings.network, Host()
    machine.require_running()
    address, bridge = machine.address, network.bridge
    claims.judge(
        route_host_only,
        {"address": address, "bridge": bridge, "source": str(network.host.ip)},
        way=route_to(host, address),
        routes=observe_routes(host),
    )
    emit(Started("two neighbours on a LAN, and what they reach"))
    with machine.vantage() as sandbox, neighbours(settings) as (near, far):
        targets = {
            "ssh": SSH_PORT,
            "registry": settings.registry.port,
            "engine": ENGINE_PORT,
            "hello": settings.hello.port,
        }
        with hello_at(far, settings.hello.port), _way_back(sandbox, near, network.host.ip):
            control = observe_reach(near.vantage, str(far.address), settings.hello.port)
            for topic, port in targets.items():
                claims.judge(
                    unreachable,
                    {
                        "topic": topic,
                        "place": near.vantage.name,
                        "target": f"the sandbox's {topic}",
                        "address": address,
                        "port": port,
                        "expected": SILENT,
                        "device": "eth0",
                    },
                    attempt=observe_reach(near.vantage, address, port),
                    control=control,
                    way=route_to(near.vantage, address),
                )
        claims.judge(
            ports_open,
            {"address": address, "ports": f"{SSH_PORT} (ssh) and {targets['registry']} (registry)"},
            reaches=_from_host(host, address, bridge, (SSH_PORT, targets["registry"])),
        )
    return CheckResult(NAME, tuple(claims.results), time.monotonic() - start)


def _from_host(
    host: Vantage, address: str, bridge: str, ports: tuple[int, ...]
) -> Fact[dict[int, Reach]]:
    seen = together([observe_reach(host, address, port, bridge=bridge) for port in ports])
    return select(seen, lambda values: dict(zip(ports, values, strict=True)))


@contextlib.contextmanager
def _way_back(sandbox: Vantage, link: Link, gateway: object) -> Iterator[None]:
    """A route in the sandbox to the neighbour by the host-only network, removed afterwards.

    Raises:
        HostonlyError: it could not be set, so that the check would prove nothing.
    """
    route = [f"{link.address}/32", "via", str(gateway), "dev", "eth1"]
    made = sandbox.run(["sudo", "ip", "route", "replace", *route])
    if not made.ok:
        raise HostonlyError(
            "the sandbox has no way back to the neighbour, so its silence would prove nothing",
            ran=made.command,
            output=made.output,
        )
    try:
        yield
    finally:
        sandbox.run(["sudo", "ip", "route", "delete", *route])
