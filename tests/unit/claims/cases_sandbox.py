"""Cases of the claims about the sandbox as a machine on the host-only network."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from hostonly.claims.sandbox import (
    engine_answers,
    hello_answers,
    listeners_expected,
    neighbour_sandbox,
    no_unit_failed,
    ports_closed,
    ports_open,
    published_held,
    registry_answers,
    route_host_only,
    sandbox_running,
    ssh_session,
)
from hostonly.facts.docker import ListedContainer, PublishedPort
from hostonly.facts.firewall import parse
from hostonly.facts.http import HttpAnswer
from hostonly.facts.interfaces import Address, Interface
from hostonly.facts.listeners import Holder, Listener
from hostonly.facts.neighbours import NeighbourEntry
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute, Route
from tests.unit.claims.case import Case

MACHINE: dict[str, object] = {"machine": "sandbox"}
LINK: dict[str, object] = {"address": "172.16.0.2", "bridge": "hostonly0"}
ROUTE: dict[str, object] = {**LINK, "source": "172.16.0.1"}
PORTS: dict[str, object] = {"address": "172.16.0.2", "ports": "22 (ssh) and 5000 (registry)"}
SHUT: dict[str, object] = {"ports": "2375, 2376", "why": "the engine is not on the network"}
URL: dict[str, object] = {"place": "host", "url": "http://172.16.0.2:5000/v2/"}
EXPECTED: dict[str, object] = {
    "expected": {
        22: frozenset({"sshd"}),
        5000: frozenset({"haproxy"}),
        8080: frozenset({"java", "python3"}),
    },
    "only": {5000: "172.16.0.2"},
}

WAY = ChosenRoute("172.16.0.2", "hostonly0", None, "172.16.0.1")
ON_LINK = Route(ip_network("172.16.0.0/24"), "hostonly0")
DEFAULT = Route(ip_network("0.0.0.0/0"), "eth0", "192.0.2.1")
VPN = Route(ip_network("172.16.0.0/24"), "wg0", metric=50)
# A route of several next hops has no device of its own.
MULTIPATH = Route(ip_network("172.16.0.0/24"), None)

MAC = "0e:01:ac:10:00:02"
ENTRY = NeighbourEntry("172.16.0.2", "hostonly0", MAC, frozenset({"REACHABLE"}))
ETH1 = Interface(3, "eth1", MAC, 1500, frozenset({"UP"}), (Address("172.16.0.2/24", "global"),))

CONNECTED, REFUSED, TIMEOUT = Reach(Outcome.EMPTY), Reach(Outcome.REFUSED), Reach(Outcome.TIMEOUT)
HELLO = Reach(Outcome.ANSWERS, "Hello bridge! (4)\n")

REGISTRY = HttpAnswer(200, (("docker-distribution-api-version", "registry/2.0"),), "{}")
NOBODY = HttpAnswer(None, because="(7) Failed to connect")


def listens(address: str, port: int, *names: str) -> Listener:
    return Listener("tcp", address, port, tuple(Holder(name, 7) for name in names))


def udp(address: str, port: int, *names: str) -> Listener:
    return replace(listens(address, port, *names), protocol="udp")


SSHD = listens("0.0.0.0", 22, "sshd")
# An engine with 8081 and 9002/udp published, and a swarm's service at 8082.
DNAT = parse(
    "\n".join(
        [
            "*nat",
            ":DOCKER - [0:0]",
            "[0:0] -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8081"
            " -j DNAT --to-destination 172.17.0.2:8080",
            "[0:0] -A DOCKER ! -i docker0 -p udp -m udp --dport 9002"
            " -j DNAT --to-destination 172.17.0.2:8080",
            "[0:0] -A DOCKER-INGRESS -p tcp -m tcp --dport 8082"
            " -j DNAT --to-destination 172.18.0.2:8082",
            "COMMIT",
            "",
        ]
    )
)


def publishes(name: str, *ports: int, protocol: str = "tcp") -> ListedContainer:
    published = tuple(
        PublishedPort(8080, protocol, address, port)
        for port in ports
        for address in ("0.0.0.0", "::")
    )
    return ListedContainer(name, "localhost:5000/hello-socket", published)


WEB = publishes("web", 8081)

CASES = [
    Case(sandbox_running, True, {"state": "running"}, MACHINE),
    Case(
        sandbox_running, False, {"state": "not_created"}, MACHINE, "not created: ./inv sandbox.up"
    ),
    Case(sandbox_running, False, {"state": "stopped"}, MACHINE, "./inv sandbox.up starts it"),
    Case(sandbox_running, False, {"state": "frozen"}, MACHINE, "./inv sandbox.up thaws it"),
    Case(sandbox_running, False, {"state": "aborting"}, MACHINE, "./inv sandbox.status"),
    *(
        Case(route_host_only, holds, {"way": way, "routes": routes}, ROUTE, says)
        for holds, way, routes, says in (
            (True, WAY, (DEFAULT, ON_LINK), "from 172.16.0.1"),
            (False, None, (), "no route"),
            (False, replace(WAY, device="eth0"), (DEFAULT,), "leave by eth0, so none was sent"),
            (False, replace(WAY, device="lo", kind="local"), (ON_LINK,), "leave by lo"),
            (False, replace(WAY, kind="unreachable"), (ON_LINK,), "none was sent"),
            (False, replace(WAY, gateway="172.16.0.9"), (ON_LINK,), "through 172.16.0.9"),
            (False, replace(WAY, source="192.0.2.2"), (ON_LINK,), "from 192.0.2.2"),
            (False, WAY, (ON_LINK, VPN), "172.16.0.0/24 by wg0"),
            (False, WAY, (MULTIPATH,), "by None"),
        )
    ),
    *(
        Case(neighbour_sandbox, holds, {"neighbours": near, "interfaces": inside}, LINK, says)
        for holds, near, inside, says in (
            (True, (ENTRY,), (ETH1,), f"{MAC} is the sandbox's eth1"),
            (
                False,
                (replace(ENTRY, mac="02:00:00:00:00:07"),),
                (ETH1,),
                "02:00:00:00:00:07 answers",
            ),
            (False, (replace(ENTRY, mac=None, states=frozenset({"FAILED"})),), (ETH1,), "FAILED"),
            (False, (ENTRY,), (), "no interface of the sandbox"),
            (None, (), (ETH1,), "no neighbour entry"),
            (None, (replace(ENTRY, device="eth0"),), (ETH1,), "no neighbour entry"),
        )
    ),
    Case(ports_open, True, {"reaches": {22: CONNECTED, 5000: CONNECTED}}, PORTS, "22 and 5000"),
    Case(ports_open, False, {"reaches": {22: CONNECTED, 5000: REFUSED}}, PORTS, "5000: REFUSED"),
    Case(ports_open, None, {"reaches": {}}, PORTS),
    Case(ssh_session, True, {"hostname": "sandbox"}, MACHINE),
    Case(ssh_session, False, {"hostname": "sandbox2"}, MACHINE, "calls itself sandbox2"),
    Case(
        engine_answers,
        True,
        {"answer": HttpAnswer(200, (), '{"Version": "20.10.24", "ApiVersion": "1.41"}')},
        {},
        "version 20.10.24, API 1.41",
    ),
    Case(no_unit_failed, True, {"failed": ()}, MACHINE, "lists none"),
    Case(
        no_unit_failed, False, {"failed": ("a.mount", "b.service")}, MACHINE, "a.mount, b.service"
    ),
    Case(engine_answers, False, {"answer": NOBODY}, {}, "systemctl status docker"),
    Case(engine_answers, False, {"answer": HttpAnswer(500, (), "{}")}, {}, "status 500"),
    Case(engine_answers, False, {"answer": HttpAnswer(200, (), "hello")}, {}, "no version"),
    Case(registry_answers, True, {"answer": REGISTRY}, URL),
    Case(registry_answers, False, {"answer": NOBODY}, URL, "./inv registry.up"),
    Case(registry_answers, False, {"answer": replace(REGISTRY, status=401)}, URL, "status 401"),
    Case(registry_answers, False, {"answer": replace(REGISTRY, headers=())}, URL, "version None"),
    *(
        Case(ports_closed, holds, {"reaches": reaches, "control": control}, SHUT, says)
        for holds, reaches, control, says in (
            (True, {2375: REFUSED, 2376: REFUSED}, CONNECTED, "reaches ssh"),
            (False, {2375: CONNECTED, 2376: REFUSED}, CONNECTED, "2375: EMPTY"),
            (False, {2375: TIMEOUT}, CONNECTED, "2375: TIMEOUT"),
            (None, {2375: REFUSED}, REFUSED, "does not reach ssh"),
            (None, {2375: REFUSED}, TIMEOUT, "does not reach ssh"),
            (None, {2375: TIMEOUT}, TIMEOUT, "does not reach ssh"),
            (False, {2375: CONNECTED}, TIMEOUT, "2375: EMPTY"),
            (None, {}, CONNECTED, ""),
        )
    ),
    *(
        Case(listeners_expected, holds, {"listeners": each, "firewall": DNAT}, EXPECTED, says)
        for holds, each, says in (
            (
                True,
                (SSHD, listens("[::]", 22, "sshd"), listens("172.16.0.2", 5000, "haproxy")),
                "22, 5000",
            ),
            (True, (SSHD, listens("127.0.0.1", 6060, "x"), listens("[::1]", 6060, "x")), "on 22"),
            (True, (SSHD, listens("[::ffff:127.0.0.1]", 8080, "nc")), "on 22"),
            (True, (listens("0.0.0.0", 8081, "docker-proxy"),), "8081"),
            (True, (listens("0.0.0.0", 8081, "dockerd"),), "8081"),
            (True, (listens("*", 8082, "dockerd"),), "8082"),
            (True, (listens("*", 8080, "java"),), "8080"),
            (True, (listens("*", 8080, "python3"),), "8080"),
            (True, (udp("0.0.0.0", 9002, "docker-proxy"), udp("[::]", 9002, "dockerd")), "9002"),
            (True, (udp("127.0.0.1", 323, "chronyd"),), "no port"),
            (False, (SSHD, listens("0.0.0.0", 2375, "dockerd")), "dockerd on 0.0.0.0:2375"),
            (False, (SSHD, listens("0.0.0.0", 4243, "dockerd")), "dockerd on 0.0.0.0:4243"),
            (False, (SSHD, listens("*", 2377, "dockerd")), "dockerd on *:2377"),
            (False, (udp("*", 7946, "dockerd"),), "dockerd on udp *:7946"),
            (False, (udp("0.0.0.0", 4789),), "not named on udp 0.0.0.0:4789"),
            (False, (udp("0.0.0.0", 22, "sshd"),), "sshd on udp 0.0.0.0:22"),
            (False, (listens("0.0.0.0", 9002, "dockerd"),), "dockerd on 0.0.0.0:9002"),
            (False, (SSHD, listens("*", 7000, "nc")), "nc on *:7000"),
            (True, (listens("[::1]", 5000, "haproxy"),), "no port"),
            *(
                (False, (SSHD, listens(other, 5000, "haproxy")), f"haproxy on {other}:5000")
                for other in ("*", "0.0.0.0", "[::]", "10.203.16.2", "172.17.0.1")
            ),
            (False, (listens("0.0.0.0", 22, "nc"),), "nc on 0.0.0.0:22"),
            (False, (listens("0.0.0.0", 22, "sshd", "nc"),), "nc, sshd on"),
            (False, (listens("0.0.0.0", 111),), "not named on 0.0.0.0:111"),
        )
    ),
    *(
        Case(published_held, holds, {"published": published, "listeners": each}, {}, says)
        for holds, published, each, says in (
            (True, (), (SSHD,), "no container publishes"),
            (True, (WEB,), (listens("0.0.0.0", 8081, "docker-proxy"),), "8081"),
            (True, (WEB,), (listens("*", 8081, "dockerd"),), "8081"),
            (True, (publishes("dns", 53, protocol="udp"),), (udp("*", 53, "docker-proxy"),), "53"),
            (False, (WEB,), (SSHD,), "no docker-proxy holds 8081 for web: docker restart web"),
            (False, (WEB,), (udp("*", 8081, "docker-proxy"),), "holds 8081 for web"),
            (False, (WEB,), (listens("0.0.0.0", 8081, "nc"),), "holds 8081 for web"),
        )
    ),
    Case(hello_answers, True, {"reach": HELLO}, {"address": "172.16.0.2", "port": 8080}),
    *(
        Case(hello_answers, False, {"reach": reach}, {"address": "172.16.0.2", "port": 8080}, says)
        for reach, says in ((REFUSED, "REFUSED"), (Reach(Outcome.ANSWERS, "HTTP/1.1\n"), "HTTP"))
    ),
]
