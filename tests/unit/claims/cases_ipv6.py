"""Cases of the claims about an IPv6 network."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from hostonly.claims.ipv6 import address_ipv6, ipv6_forwarding, ipv6_published
from hostonly.facts.docker import DockerEndpoint
from hostonly.facts.engine import EngineInfo
from hostonly.facts.firewall import Firewall, parse
from hostonly.facts.interfaces import Address, Interface
from hostonly.facts.listeners import Holder, Listener
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import Route
from tests.unit.claims.case import Case
from tests.unit.claims.cases import CONTAINER, ETH1, LO, said

SUBNET = "fd68:6f73:7400::/64"
OWN, GATEWAY = "fd68:6f73:7400::2", "fd68:6f73:7400::1"


def link(name: str, *addresses: str) -> Interface:
    """A link with these addresses, and the link-local one that every link has."""
    listed = tuple(Address(each, "global") for each in (*addresses, "fe80::1/64"))
    return Interface(7, name, "02:42:00:00:00:07", 1500, frozenset({"UP"}), listed)


INSIDE = (LO, link("eth0", "172.19.0.2/16", f"{OWN}/64"))
SANDBOX = (LO, ETH1, link("br-1", "172.19.0.1/16", f"{GATEWAY}/64"))
DEFAULT = Route(ip_network("::/0"), "eth0", GATEWAY)
ROUTES = (Route(ip_network(SUBNET), "eth0"), DEFAULT)
PLACED: dict[str, Any] = {"container": INSIDE, "routes": ROUTES, "sandbox": SANDBOX}
TWO_ADDRESSES = (LO, link("eth0", f"{OWN}/64", "fd68:6f73:7400::9/64"))

OLD = EngineInfo("20.10.24+dfsg1", "iptables", "inactive")
NEW = replace(OLD, version="27.0.1")
PROXY = Listener("tcp", "[::]", 8080, (Holder("docker-proxy", 71),))
PROXY4 = Listener("tcp", "0.0.0.0", 8080, (Holder("docker-proxy", 70),))
DOCKERD = Listener("tcp", "[::]", 8080, (Holder("dockerd", 56),))
HELLO = replace(
    CONTAINER,
    endpoints=(DockerEndpoint("hello-ipv6", "n", "172.19.0.2", 16, None, "", OWN, GATEWAY),),
)
ANSWERS = said("Hello ipv6! (1)", "Hello ipv6! (2)")


def rules(packets: int | None, to: str = OWN) -> Firewall:
    """What ip6tables has: nothing, or one DNAT rule that took so many packets."""
    if packets is None:
        return parse("", 6)
    rule = f"-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination [{to}]:8080"
    return parse(f"*nat\n:DOCKER - [0:0]\n[{packets}:80] {rule}\nCOMMIT\n", 6)


def carried(engine: EngineInfo, *listeners: Listener, **other: Any) -> dict[str, Any]:
    """Facts about a published port, by default as before 27."""
    facts = {"before": rules(None), "after": rules(None), "answers": ANSWERS, **other}
    return {"engine": engine, "container": HELLO, "listeners": listeners, **facts}


PORT: dict[str, object] = {"port": 8080}

CASES = [
    Case(address_ipv6, True, PLACED, {"subnet": SUBNET}, f"{OWN} and the gateway {GATEWAY}"),
    *(
        Case(address_ipv6, False, {**PLACED, **wrong}, {"subnet": SUBNET}, says)
        for wrong, says in (
            ({"container": (LO, link("eth0", "172.19.0.2/16"))}, "it has none"),
            ({"container": (LO, link("eth0", "fd00::2/64"))}, "it has none"),
            ({"container": TWO_ADDRESSES}, "fd68:6f73:7400::9"),
            ({"container": (LO, link("eth0", f"{GATEWAY}/64"))}, f"it has {GATEWAY}"),
            ({"routes": ROUTES[:1]}, "the gateway none"),
            ({"routes": (replace(DEFAULT, gateway="fe80::9"),)}, "the gateway fe80::9"),
            ({"sandbox": (LO, ETH1)}, "the sandbox has none"),
        )
    ),
    Case(ipv6_published, True, carried(OLD, PROXY4, PROXY), PORT, "docker-proxy listens; ip6"),
    Case(
        ipv6_published,
        True,
        carried(NEW, PROXY, before=rules(3), after=rules(5)),
        PORT,
        "took 2 of 2",
    ),
    *(
        Case(ipv6_published, holds, facts, PORT, says)
        for holds, facts, says in (
            (False, carried(OLD, PROXY4), "nobody that is named listens"),
            (False, carried(OLD, DOCKERD), "dockerd listens"),
            (False, carried(OLD, PROXY, after=rules(2)), f"DNAT --to-destination [{OWN}]"),
            (False, carried(NEW, PROXY), "ip6tables has no rule"),
            (False, carried(NEW, before=rules(3), after=rules(4)), "took 1 of 2"),
            (False, carried(NEW, before=rules(0), after=rules(2, "fd00::9")), "fd00::9"),
            (None, carried(OLD, PROXY, answers=(Reach(Outcome.TIMEOUT),)), "not every"),
            (None, carried(NEW, PROXY, answers=()), "not every"),
        )
    ),
    Case(ipv6_forwarding, True, {"before": 0, "after": 1}, {}, "was 0"),
    Case(ipv6_forwarding, True, {"before": 1, "after": 1}, {}, "was 1"),
    Case(ipv6_forwarding, False, {"before": 0, "after": 0}, {}, "now 0"),
]
