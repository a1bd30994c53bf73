"""Cases of the claims about published ports: DNAT, docker-proxy, and what is left of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hostonly.claims.hello import hello_apart
from hostonly.claims.proxy import proxy_needed, proxy_not_needed
from hostonly.claims.publishing import (
    conntrack_gone,
    dnat_alive,
    dnat_bypassed,
    dnat_counts,
    dnat_target,
    filter_accepts,
    rules_gone,
)
from hostonly.facts.conntrack import Direction, Flow
from hostonly.facts.docker import DockerContainer, DockerEndpoint
from hostonly.facts.firewall import Firewall, parse
from hostonly.facts.listeners import Holder, Listener
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute
from tests.unit.claims.case import Case

END = DockerEndpoint("bridge", "n0", "172.17.0.2", 16, "172.17.0.1", "02:42:ac:11:00:02")
HELLO = DockerContainer("c0", "hello", "sha256:aa", "running", 7, "default", (), (END,), ())
OTHER = replace(HELLO, name="other", endpoints=(replace(END, address="172.17.0.3"),))
TWICE = replace(HELLO, endpoints=(END, replace(END, network="red", address="172.18.0.2")))

REFUSED = Reach(Outcome.REFUSED)
PROXY = Listener("tcp", "0.0.0.0", 8080, (Holder("docker-proxy", 71),))
ENGINE = Listener("tcp", "0.0.0.0", 8080, (Holder("dockerd", 72),))
NAMELESS = Listener("tcp", "0.0.0.0", 8080, ())
SSH = Listener("tcp", "0.0.0.0", 22, (Holder("sshd", 1),))

PORT: dict[str, object] = {"port": 8080}
TO: dict[str, object] = {"port": 8080, "inside": 8080}
INSIDE: dict[str, object] = {"inside": 8080}
ADDRESS: dict[str, object] = {"address": "172.17.0.2"}


def answers(name: str, *counts: int) -> tuple[Reach, ...]:
    """HelloSocket's answers with these counts."""
    return tuple(Reach(Outcome.ANSWERS, f"Hello {name}! ({count})\n") for count in counts)


HOST = answers("bridge", 1, 2, 3)
# As Docker 20.10 writes them.
DNAT = "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:8080"
ACCEPT = "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 8080 -j ACCEPT"
MASQUERADE = "-A DOCKER -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -j MASQUERADE"


def table(name: str, *rules: tuple[int, str]) -> Firewall:
    """A firewall with this table: each rule behind its packet counter."""
    lines = [f"*{name}", ":DOCKER - [0:0]", *(f"[{n}:{n * 60}] {rule}" for n, rule in rules)]
    return parse("\n".join([*lines, "COMMIT", ""]))


def nat(*rules: str) -> Firewall:
    return table("nat", *((0, rule) for rule in rules))


def counted(number: int, rule: str = DNAT) -> Firewall:
    return table("nat", (number, rule))


def accepted(number: int, rule: str = ACCEPT) -> Firewall:
    return table("filter", (number, rule))


def counts(before: Firewall, after: Firewall, made: tuple[Reach, ...] = HOST) -> dict[str, Any]:
    return {"before": before, "after": after, "answers": made}


def flow(address: str) -> Flow:
    there = Direction("172.16.0.1", "172.16.0.2", 40000, 8080)
    return Flow("tcp", "TIME_WAIT", there, Direction(address, "172.16.0.1", 8080, 40000))


SSH_FLOW = flow("172.16.0.2")
APART: dict[str, object] = {
    "who": "the sandbox",
    "port": 8080,
    "here": "127.0.0.1",
    "one": "one",
    "there": "127.0.0.2",
    "other": "two",
}
BYPASSED: dict[str, object] = {"topic": "sandbox", "who": "The sandbox", "port": 8080}
NEEDED: dict[str, object] = {
    "topic": "sandbox",
    "who": "the sandbox",
    "address": "127.0.0.1",
    "port": 8080,
    "device": "lo",
}
WAY = ChosenRoute("127.0.0.1", "lo", None, "127.0.0.1", "local")
WITHOUT = {
    "listeners": (SSH,),
    "before": HOST,
    "after": REFUSED,
    "control": HOST[0],
    "way": WAY,
}
TIMEOUT, EMPTY = Reach(Outcome.TIMEOUT), Reach(Outcome.EMPTY)

CASES = [
    *(
        Case(dnat_target, holds, {"firewall": firewall, "container": HELLO}, TO, says)
        for holds, firewall, says in (
            (True, nat(DNAT), DNAT),
            (True, nat(DNAT.replace("-A DOCKER", "-A DOCKER -d 127.0.0.1/32")), "127.0.0.1/32"),
            (True, nat(DNAT.removesuffix(":8080")), "--to-destination 172.17.0.2"),
            (False, nat(), "no rule of the nat table"),
            (False, nat(DNAT.replace("--dport 8080", "--dport 80")), "no rule"),
            (False, nat(DNAT.replace("tcp", "udp")), "no rule"),
            (False, nat(DNAT, DNAT.replace("0.2:", "0.9:")), "--to-destination 172.17.0.9:8080"),
            (False, nat(DNAT + "-8081"), "172.17.0.2:8080-8081"),
            (False, nat(DNAT.replace("0.2:8080", "0.2:80")), "172.17.0.2:80"),
            (False, nat(DNAT, "-A DOCKER -p tcp -j REDIRECT --to-ports 22"), "REDIRECT"),
        )
    ),
    Case(dnat_target, None, {"firewall": nat(DNAT), "container": TWICE}, TO, "172.18.0.2"),
    *(
        Case(dnat_counts, holds, values, PORT, says)
        for holds, values, says in (
            (True, counts(counted(2), counted(5)), "3 connections; the counter went from 2 to 5"),
            (False, counts(counted(2), counted(4)), "from 2 to 4"),
            (False, counts(counted(0), counted(4)), "from 0 to 4"),
            (False, counts(counted(0), counted(0)), "from 0 to 0"),
            (False, counts(nat(), nat()), "there is no such rule"),
            (None, counts(nat(), counted(3)), "made anew"),
            (None, counts(counted(7), counted(3)), "set back"),
            (None, counts(counted(0), counted(3), (*HOST[:2], REFUSED)), "REFUSED"),
            (None, counts(counted(0), counted(0), ()), "of 0 connections"),
        )
    ),
    *(
        Case(dnat_bypassed, holds, values, BYPASSED, says)
        for holds, values, says in (
            (True, counts(counted(3), counted(3)), "from 3 to 3"),
            (False, counts(counted(3), counted(6)), "from 3 to 6"),
            (False, counts(counted(3), nat()), "no such rule"),
            # Nobody was answered, so nobody went another way.
            (None, counts(counted(3), counted(3), (REFUSED,)), "REFUSED"),
        )
    ),
    *(
        Case(filter_accepts, holds, {**values, "container": HELLO}, INSIDE, says)
        for holds, values, says in (
            (True, counts(accepted(1), accepted(4)), "from 1 to 4"),
            (False, counts(accepted(1), accepted(1)), "from 1 to 1"),
            (False, counts(accepted(0), accepted(3, ACCEPT.replace("0.2/", "0.3/"))), "no such"),
            (False, counts(accepted(0), accepted(3, ACCEPT.replace("ACCEPT", "DROP"))), "no such"),
            (False, counts(accepted(0), accepted(3, ACCEPT.replace("tcp", "udp"))), "no such"),
            (False, counts(accepted(0), accepted(3, ACCEPT.replace("-d", "! -d"))), "no such"),
        )
    ),
    *(
        Case(dnat_alive, holds, {"firewall": firewall, "running": running}, {}, says)
        for holds, firewall, running, says in (
            (True, nat(DNAT), (OTHER, HELLO), "1 rules lead to hello"),
            (True, nat(DNAT), (TWICE,), "hello"),
            (False, nat(DNAT), (OTHER,), "no container that runs has the address in: -A DOCKER"),
            (False, nat(DNAT, DNAT.replace("0.2:", "0.9:")), (HELLO,), "172.17.0.9"),
            (None, nat(MASQUERADE), (HELLO,), "there is no DNAT rule"),
        )
    ),
    *(
        Case(rules_gone, holds, {"before": before, "after": after}, ADDRESS, says)
        for holds, before, after, says in (
            (True, nat(DNAT, MASQUERADE), nat(), "2 rules named 172.17.0.2 before"),
            (True, nat(DNAT), nat(DNAT.replace("0.2:", "0.20:")), "1 rules"),
            (False, nat(DNAT), nat(MASQUERADE), MASQUERADE),
            (False, nat(DNAT), accepted(0), ACCEPT),
            (None, nat(), nat(), "no rule named 172.17.0.2 before either"),
        )
    ),
    *(
        Case(conntrack_gone, holds, {"before": before, "after": after}, ADDRESS, says)
        for holds, before, after, says in (
            (True, (SSH_FLOW, flow("172.17.0.2")), (SSH_FLOW,), "1 connections of 172.17.0.2"),
            (False, (flow("172.17.0.2"),), (flow("172.17.0.2"),), "172.16.0.1:40000 >"),
            (None, (SSH_FLOW,), (SSH_FLOW,), "was tracked before either"),
        )
    ),
    *(
        Case(
            proxy_not_needed,
            holds,
            {"listeners": listeners, "answers": made},
            {"name": "bridge", "port": 8080},
            says,
        )
        for holds, listeners, made, says in (
            (True, (SSH,), HOST, "nothing listens on 8080, and the host got: ANSWERS"),
            (False, (SSH,), (*HOST, REFUSED), "REFUSED"),
            (False, (SSH,), answers("other", 1), "Hello other!"),
            # From 28 on the engine may go on to hold the socket.
            (True, (SSH, ENGINE), HOST, "only dockerd listens on 8080"),
            (None, (SSH, PROXY), HOST, "somebody still listens on 8080: docker-proxy"),
            (None, (SSH, ENGINE, PROXY), HOST, "somebody still listens on 8080: docker-proxy"),
            (None, (SSH, NAMELESS), HOST, "not named"),
            (None, (SSH,), (), "nobody tried"),
        )
    ),
    *(
        Case(proxy_needed, holds, {**WITHOUT, **values}, NEEDED, says)
        for holds, values, says in (
            (True, {}, "ANSWERS 'Hello bridge! (3)' before, REFUSED now by way of lo"),
            (True, {"listeners": (ENGINE,), "after": TIMEOUT}, "TIMEOUT now"),
            (True, {"listeners": (ENGINE,), "after": EMPTY}, "EMPTY now"),
            (False, {"after": HOST[0]}, "it still does"),
            (False, {"listeners": (ENGINE,), "after": HOST[0]}, "it still does"),
            (False, {"after": EMPTY}, "it still does"),
            (False, {"after": TIMEOUT}, "TIMEOUT now"),
            (None, {"way": None}, "REFUSED, but the packet has no way where lo was expected"),
            (None, {"way": replace(WAY, device="eth0")}, "the packet leaves by eth0 where lo"),
            (None, {"listeners": (PROXY,)}, "somebody still listens"),
            (None, {"before": (REFUSED,)}, "not answered before either"),
            (None, {"before": ()}, "not answered before either"),
            (None, {"control": REFUSED}, "no longer answers at all"),
        )
    ),
    *(
        Case(hello_apart, holds, {"first": first, "second": second}, APART, says)
        for holds, first, second, says in (
            (True, answers("one", 1, 2), answers("two", 1), "127.0.0.2: ANSWERS 'Hello two! (1)'"),
            (False, answers("one", 1), answers("one", 2), "127.0.0.2: connection 1: ANSWERS"),
            (False, (REFUSED,), answers("two", 1), "127.0.0.1: connection 1: REFUSED"),
            (None, answers("one", 1), (), "one of the two was not tried"),
        )
    ),
]
