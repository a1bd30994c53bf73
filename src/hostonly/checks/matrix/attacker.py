"""The second sandbox as a neighbour who means no good: it adds routes that lead to the sandbox.

The routes carry a routing protocol number of our own, and are removed by that mark: those to
containers' addresses from the main table, one to 127.0.0.1 from the local table. The latter is only
for packets with a type of service that nothing else there uses, so that the second sandbox's own
loopback goes on working. Sources: ip-route(8): ``proto``, ``tos``; Linux, ip-sysctl: 127.0.0.0/8 on
a link needs ``route_localnet`` and ``accept_local``, on the attacker's side alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from hostonly.facts import Question
from hostonly.facts.reach import WAIT_SECONDS, Reach, reach, read_reach
from hostonly.facts.routes import ChosenRoute, read_way, route_to
from hostonly.stage.stage import Stage
from hostonly.vantages import Result, Vantage

# Any number that /etc/iproute2/rt_protos does not know.
PROTOCOL = "233"
LOOPBACK = "127.0.0.1"
# Minimise delay (RFC 1349), as ``ip`` and as ``nc`` write it.
TOS, TOS_NAME = "0x10", "lowdelay"
SYSCTLS = ("route_localnet", "accept_local")


def route_way(address: str) -> Question[ChosenRoute | None]:
    """Return the question for the way that the attacker's packets to ``address`` take."""
    if address != LOOPBACK:
        return route_to(address)
    return Question(("ip", "-json", "route", "get", address, "tos", TOS), read_way)


def attempt(address: str, port: int) -> Question[Reach]:
    """Return the question for a connection of the attacker's to ``address`` and ``port``."""
    if address != LOOPBACK:
        return reach(address, port)
    wait = str(WAIT_SECONDS)
    return Question(("nc", "-nv", "-T", TOS_NAME, "-w", wait, address, str(port)), read_reach)


def set_routes(
    stage: Stage, attacker: Vantage, link: str, addresses: Iterable[str]
) -> dict[str, Result]:
    """Add a route to the sandbox on ``attacker``, by its ``link``, for each of ``addresses``.

    The results of the commands are returned by address. The stage takes everything back when it
    ends.

    Raises:
        Stopped: a route could not be added.
    """
    for argv in removals(link):
        stage.on_exit(attacker, *argv)
    # What a killed run may have left.
    for argv in _flushes():
        stage.step(attacker, *argv, may_fail=True)
    done = {}
    for address in dict.fromkeys(addresses):
        route = ["via", stage.address, "dev", link, "proto", PROTOCOL]
        if address == LOOPBACK:
            on = [f"net.ipv4.conf.{link}.{name}=1" for name in SYSCTLS]
            stage.step(attacker, "sudo", "sysctl", "-qw", *on)
            route = ["tos", TOS, *route, "table", "local"]
        done[address] = stage.step(attacker, "sudo", "ip", "route", "add", f"{address}/32", *route)
    return done


def removals(link: str) -> list[list[str]]:
    """Return the commands that remove the routes, by our mark, and set the switches to default."""
    off = [f"net.ipv4.conf.{link}.{name}=0" for name in SYSCTLS]
    return [["sudo", "sysctl", "-qw", *off], *_flushes()]


def _flushes() -> list[list[str]]:
    flush = ["sudo", "ip", "route", "flush", "proto", PROTOCOL]
    return [flush, [*flush, "table", "local"]]
