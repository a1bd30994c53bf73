"""Cases of the claims about networks, namespaces and listeners of containers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from hostonly.claims.listeners import listener_none, listener_published
from hostonly.claims.namespaces import interfaces_joined, namespace_joined, namespace_own
from hostonly.claims.networks import (
    address_subnet,
    interfaces_lo,
    interfaces_one,
    network_driver,
)
from hostonly.facts.docker import DockerNetwork
from hostonly.facts.engine import EngineInfo
from hostonly.facts.interfaces import Address, Interface
from hostonly.facts.listeners import Holder, Listener
from hostonly.facts.namespaces import NetworkNamespace
from hostonly.facts.routes import Route
from tests.unit.claims.case import Case

UP = frozenset({"BROADCAST", "UP"})
LO = Interface(
    1,
    "lo",
    "00:00:00:00:00:00",
    65536,
    frozenset({"LOOPBACK", "UP"}),
    (Address("127.0.0.1/8", "host"), Address("::1/128", "host")),
)
ETH0 = Interface(
    7, "eth0", "02:42:ac:11:00:02", 1500, UP, (Address("172.17.0.2/16", "global"),), "if8"
)
DOCKER0 = Interface(
    4,
    "docker0",
    "02:42:00:00:00:01",
    1500,
    UP,
    (Address("172.17.0.1/16", "global"), Address("fe80::42/64", "link")),
)
SANDBOX = (LO, DOCKER0)


def eth0(*addresses: str) -> Interface:
    return replace(ETH0, addresses=tuple(Address(each, "global") for each in addresses))


BRIDGE = DockerNetwork(
    "n0", "bridge", "bridge", False, ("172.17.0.0/16",), ("172.17.0.1",), (), (), ()
)
LOCAL = Route(ip_network("172.17.0.0/16"), "eth0")
DEFAULT = Route(ip_network("0.0.0.0/0"), "eth0", "172.17.0.1")
ROUTES = (DEFAULT, LOCAL)

PROXY = Listener("tcp", "0.0.0.0", 8080, (Holder("docker-proxy", 71),))
PROXY6 = Listener("tcp", "[::]", 8080, (Holder("docker-proxy", 72),))
JAVA = Listener("tcp", "*", 8080, (Holder("java", 70),))
NAMELESS = Listener("tcp", "127.0.0.1", 8080, ())
SSH = Listener("tcp", "0.0.0.0", 22, (Holder("sshd", 1),))
DOCKERD = Listener("tcp", "0.0.0.0", 8080, (Holder("dockerd", 73),))
PUBLISHED: dict[str, object] = {"port": 8080}
OLD = EngineInfo("20.10.24+dfsg1", "iptables", "inactive")
NEW = replace(OLD, version="28.0.0")

ONE, TWO, THREE = (NetworkNamespace(number) for number in (1, 2, 3))
PAIR: dict[str, object] = {"first": "hello", "second": "joined"}

CASES = [
    *(
        Case(network_driver, holds, {"network": network}, {"name": "bridge", "driver": "bridge"})
        for holds, network in ((True, BRIDGE), (False, replace(BRIDGE, driver="macvlan")))
    ),
    *(
        Case(interfaces_one, holds, {"container": interfaces}, {}, says)
        for holds, interfaces, says in (
            (True, (LO, ETH0), "lo, eth0; eth0 is up"),
            (False, (LO,), "it lists lo"),
            (False, (ETH0,), "it lists eth0"),
            (False, (LO, ETH0, replace(ETH0, name="eth1")), "lo, eth0, eth1"),
            (False, (LO, replace(ETH0, flags=frozenset())), "eth0 is down"),
        )
    ),
    *(
        Case(interfaces_lo, holds, {"container": interfaces}, {}, says)
        for holds, interfaces, says in (
            (True, (LO,), "it lists lo"),
            (False, (LO, ETH0), "it lists lo, eth0 172.17.0.2/16"),
            (False, (LO, eth0()), "it lists lo, eth0"),
            (False, (replace(LO, addresses=(Address("192.0.2.1/32", "global"),)),), "192.0.2.1"),
            (False, (), "nothing"),
        )
    ),
    *(
        Case(
            address_subnet,
            holds,
            {"container": inside, "routes": routes, "sandbox": sandbox},
            {"link": "docker0"},
            says,
        )
        for holds, inside, routes, sandbox, says in (
            (True, (LO, ETH0), ROUTES, SANDBOX, "has 172.17.0.2/16 and the gateway 172.17.0.1"),
            (False, (LO, ETH0), ROUTES, (LO,), "has no interface docker0"),
            (False, (LO, eth0("172.18.0.2/16")), ROUTES, SANDBOX, "172.18.0.2/16"),
            (False, (LO, eth0("172.17.0.1/16")), ROUTES, SANDBOX, "172.17.0.1/16"),
            (False, (LO, eth0()), ROUTES, SANDBOX, "has none and the gateway"),
            (False, (LO, eth0("172.17.0.2/16", "172.17.0.3/16")), ROUTES, SANDBOX, "172.17.0.3"),
            (False, (LO, ETH0), (LOCAL,), SANDBOX, "the gateway none"),
            (False, (LO, ETH0), (replace(DEFAULT, gateway="172.17.0.9"),), SANDBOX, "172.17.0.9"),
            (False, (LO, ETH0), (DEFAULT, DEFAULT), SANDBOX, "172.17.0.1, 172.17.0.1"),
        )
    ),
    *(
        Case(listener_published, holds, {"engine": engine, "listeners": listeners}, PUBLISHED, says)
        for holds, engine, listeners, says in (
            (
                True,
                OLD,
                (SSH, PROXY, PROXY6),
                "docker-proxy (pid 71), docker-proxy (pid 72) listens",
            ),
            (True, NEW, (PROXY, DOCKERD), "docker-proxy (pid 71), dockerd (pid 73) listens"),
            (True, NEW, (DOCKERD,), "dockerd (pid 73) listens"),
            (False, OLD, (DOCKERD,), "dockerd (pid 73)"),
            (False, OLD, (SSH,), "nothing listens on 8080"),
            (False, NEW, (PROXY, JAVA), "java (pid 70)"),
            (None, OLD, (PROXY, NAMELESS), "names no process"),
        )
    ),
    *(
        Case(listener_none, holds, {"listeners": listeners}, {"port": 8080}, says)
        for holds, listeners, says in (
            (True, (SSH,), "1 sockets listen, none of them on 8080"),
            (True, (), "0 sockets"),
            (False, (SSH, PROXY), "docker-proxy (pid 71)"),
            (False, (NAMELESS,), "an unnamed process"),
        )
    ),
    *(
        Case(namespace_own, holds, {"container": container, "sandbox": ONE}, {}, "net:[1]")
        for holds, container in ((True, TWO), (False, ONE))
    ),
    *(
        Case(
            namespace_joined,
            holds,
            {"one": one, "other": other, "sandbox": ONE},
            PAIR,
            f"joined in {other}",
        )
        for holds, one, other in ((True, TWO, TWO), (False, TWO, THREE), (False, ONE, ONE))
    ),
    *(
        Case(interfaces_joined, holds, {"one": (LO, ETH0), "other": other}, PAIR, says)
        for holds, other, says in (
            (True, (ETH0, LO), "both list"),
            (False, (LO,), "only hello lists 7: eth0"),
            (False, (LO, ETH0, DOCKER0), "only joined lists 4: docker0"),
            (False, (LO, eth0("172.17.0.3/16")), "172.17.0.3/16"),
        )
    ),
]
