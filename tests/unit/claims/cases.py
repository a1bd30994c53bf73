"""Every claim with facts in which it holds and facts in which it fails. `test_claims` demands both
for each Claim of the package, and tries each fact of the first in its absence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hostonly.claims.firewall import nat_absent, nat_silent
from hostonly.claims.hello import hello_continues, hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.listeners import listener_process
from hostonly.claims.namespaces import interfaces_same, namespace_shared
from hostonly.facts.docker import DockerContainer, DockerEndpoint
from hostonly.facts.firewall import parse
from hostonly.facts.interfaces import Address, Interface
from hostonly.facts.listeners import Holder, Listener
from hostonly.facts.namespaces import NetworkNamespace
from hostonly.facts.reach import Outcome, Reach
from tests.unit.claims.case import Case

LO = Interface(
    1, "lo", "00:00:00:00:00:00", 65536, frozenset({"UP"}), (Address("127.0.0.1/8", "host"),)
)
ETH1 = Interface(
    3, "eth1", "02:00:00:00:00:02", 1500, frozenset({"UP"}), (Address("172.16.0.2/24", "global"),)
)
OTHER_MAC = replace(ETH1, mac="02:42:ac:11:00:02")
OTHER_ADDRESS = replace(ETH1, addresses=(Address("172.17.0.2/16", "global"),))

CONTAINER = DockerContainer("c0", "hello", "sha256:aa", "running", 7, "host", (), (), ())
WEB = replace(
    CONTAINER,
    name="web",
    endpoints=(
        DockerEndpoint("bridge", "n0", "172.17.0.2", 16, "172.17.0.1", "02:42:ac:11:00:02"),
    ),
)
JAVA = Listener("tcp", "*", 8080, (Holder("java", 70),))
PROXY = Listener("tcp", "0.0.0.0", 8080, (Holder("docker-proxy", 71),))
SSH = Listener("tcp", "0.0.0.0", 22, (Holder("sshd", 1),))
NAMELESS = Listener("tcp", "0.0.0.0", 8080, ())
SHARED = Listener("tcp", "*", 8080, (Holder("java", 70), Holder("nc", 72)))

LISTENS: dict[str, object] = {"port": 8080, "process": "java"}
PORT: dict[str, object] = {"port": 8080}
HOST: dict[str, object] = {"place": "host", "name": "host", "address": "172.16.0.2", "port": 8080}
HERE: dict[str, object] = {"place": "sandbox", "name": "host", "address": "127.0.0.1", "port": 8080}


def nat(*rules: str, **others: object) -> dict[str, Any]:
    """A firewall whose nat table has these rules, and ``others`` (no container runs, if not said)."""
    lines = ["*nat", ":PREROUTING ACCEPT [0:0]", ":MINE - [0:0]"]
    lines += [f"[0:0] {rule}" for rule in rules]
    return {"firewall": parse("\n".join([*lines, "COMMIT", ""])), **(others or {"running": ()})}


def said(*lines: str) -> tuple[Reach, ...]:
    """Answers, one a connection."""
    return tuple(Reach(Outcome.ANSWERS, f"{line}\n") for line in lines)


def counted(*counts: int) -> tuple[Reach, ...]:
    """HelloSocket's answers with these counts."""
    return said(*(f"Hello host! ({count})" for count in counts))


TO = "-j DNAT --to-destination 172.17.0.2"
# Rules that speak of port 8080, and what of each must be seen for that.
SPEAKING = (
    f"-A PREROUTING -p tcp -m tcp --dport 8080 {TO}:8080",
    f"-A MINE -p tcp -m tcp --dport 8080 {TO}:80",
    f"-A PREROUTING -p udp -m udp --dport 8080 {TO}:8080",
    f"-A PREROUTING -p tcp -m tcp --dport 8000:9000 {TO}:80",
    f"-A PREROUTING -p tcp -m tcp --dport 8000: {TO}:80",
    f"-A PREROUTING -p tcp -m multiport --dports 80,8079:8081 {TO}:80",
    f"-A PREROUTING -p tcp -m multiport --ports 1,8080 {TO}:80",
    f"-A PREROUTING -p tcp -m tcp ! --dport 80 {TO}:80",
    f"-A PREROUTING -p tcp -m tcp --sport 1 {TO}:80",
    f"-A PREROUTING -p tcp {TO}",
    f"-A PREROUTING {TO}",
    f"-A PREROUTING -p tcp -m tcp --dport 80 {TO}:8080",
    f"-A PREROUTING -p tcp -m tcp --dport 80 {TO}:8000-9000",
    f"-A PREROUTING -p tcp -m tcp --dport 80 {TO}:8000-9000/80",
    "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00::2]:8080",
    "-A MINE -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80",
    "-A MINE -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080",
    "-A MINE -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8000-8100",
    "-A MINE -d 10.0.0.0/8 -j NETMAP --to 172.17.0.0/16",
    f'-A MINE -p tcp -m tcp --dport 8080 -m comment --comment "! --dport 8080" {TO}',
)
# Rules that look as if they did, and do not.
SILENT = (
    f'-A PREROUTING -p tcp -m tcp --dport 80 -m comment --comment "--dport 8080" {TO}:80',
    f"-A PREROUTING -p tcp -m tcp --dport 80 -m comment --comment 8080 {TO}:80",
    f"-A PREROUTING -p tcp -m tcp --dport 80 {TO}:18080",
    f"-A PREROUTING -p tcp -m tcp ! --dport 8080 {TO}:80",
    f"-A PREROUTING -p tcp -m multiport ! --dports 80,8080 {TO}:80",
    f"-A PREROUTING -p tcp -m multiport --dports 80,808 {TO}:80",
    f"-A PREROUTING -p icmp {TO}",
    "-A PREROUTING -p tcp -m tcp --dport 8080 -j RETURN",
    "-A PREROUTING -p tcp -m tcp --dport 8080",
    "-A PREROUTING -m addrtype --dst-type LOCAL -j MINE",
    "-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 8080 -j MASQUERADE",
)

CASES = [
    Case(image_built, True, {"container": CONTAINER}, {"image_id": "sha256:aa"}),
    Case(
        image_built,
        False,
        {"container": CONTAINER},
        {"image_id": "sha256:bb"},
        "sha256:bb was built",
    ),
    Case(
        namespace_shared,
        True,
        {"container": NetworkNamespace(4026531840), "sandbox": NetworkNamespace(4026531840)},
        {},
        "net:[4026531840]",
    ),
    Case(
        namespace_shared,
        False,
        {"container": NetworkNamespace(4026532000), "sandbox": NetworkNamespace(4026531840)},
        {},
        "net:[4026532000]",
    ),
    Case(interfaces_same, True, {"container": (LO, ETH1), "sandbox": (ETH1, LO)}, {}, "eth1"),
    *(
        Case(interfaces_same, False, {"container": inside, "sandbox": (LO, ETH1)}, {}, says)
        for inside, says in (
            ((LO,), "only the sandbox lists 3: eth1"),
            ((LO, ETH1, replace(ETH1, index=4, name="eth2")), "only the container lists 4: eth2"),
            ((LO, OTHER_MAC), "02:42:ac:11:00:02"),
            ((LO, OTHER_ADDRESS), "172.17.0.2/16"),
            ((), "only the sandbox lists 1: lo"),
        )
    ),
    Case(listener_process, True, {"listeners": (SSH, JAVA)}, LISTENS, "java (pid 70)"),
    *(
        Case(listener_process, holds, {"listeners": listeners}, LISTENS, says)
        for holds, listeners, says in (
            (False, (SSH, PROXY), "docker-proxy (pid 71)"),
            (False, (JAVA, PROXY), "docker-proxy (pid 71)"),
            (False, (SHARED,), "nc (pid 72)"),
            (False, (SSH,), "nothing listens"),
            (False, (), "nothing listens"),
            (None, (NAMELESS,), "names no process"),
            (None, (JAVA, NAMELESS), "names no process"),
        )
    ),
    Case(nat_silent, True, nat(), PORT),
    Case(
        nat_silent,
        True,
        {"firewall": parse("*filter\nCOMMIT\n"), "running": ()},
        PORT,
        "nobody has used",
    ),
    *(Case(nat_silent, True, nat(rule), PORT, "none of the 1 rules") for rule in SILENT),
    *(Case(nat_silent, False, nat(rule), PORT, rule) for rule in SPEAKING),
    Case(
        nat_silent,
        None,
        nat("-A MINE -p tcp -m tcp --dport http -j DNAT --to-destination 1.2.3.4"),
        PORT,
    ),
    Case(
        nat_silent,
        False,
        nat(f"-A MINE -p tcp -m tcp --dport 9000 {TO}:8080", running=(CONTAINER, WEB)),
        PORT,
        f"{TO}:8080 (container web; it goes with `docker stop web`)",
    ),
    *(
        Case(nat_absent, holds, nat(rule, container=WEB), {}, says)
        for holds, rule, says in (
            (True, "-A MINE -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80", "none of the 1"),
            (True, "-A MINE -p tcp -j DNAT --to-destination 172.17.0.20:8080", "to 172.17.0.2"),
            (True, "-A MINE -p tcp -j DNAT --to-destination :8080", "none of the 1"),
            (True, "-A MINE -j DNAT --to-destination 172.17.0.3-172.17.0.9", "none of the 1"),
            (True, "-A MINE -d 10.0.0.0/8 -j NETMAP --to 172.18.0.0/16", "none of the 1"),
            (True, "-A MINE -s 172.17.0.2/32 -j MASQUERADE", "none of the 1"),
            (False, f"-A MINE -p tcp -m tcp --dport 9000 {TO}:80", f"9000 {TO}:80"),
            (False, f"-A MINE {TO}", TO),
            (False, "-A MINE -j DNAT --to-destination 172.17.0.1-172.17.0.9", "172.17.0.9"),
            (False, "-A MINE -d 10.0.0.0/8 -j NETMAP --to 172.17.0.0/16", "NETMAP"),
            (None, "-A MINE -j DNAT --to-destination here", "cannot be read"),
        )
    ),
    Case(nat_absent, None, nat(container=CONTAINER), {}, "hello has no address"),
    Case(hello_rises, True, {"answers": counted(4, 5, 6)}, HOST, "n = 4, 5, 6"),
    *(
        Case(hello_rises, holds, {"answers": answers}, HOST, says)
        for holds, answers, says in (
            (False, counted(1, 1), "n = 1, 1"),
            (False, counted(1, 3), "n = 1, 3"),
            (False, counted(2, 1), "n = 2, 1"),
            (False, (*counted(1), Reach(Outcome.REFUSED)), "connection 2: REFUSED"),
            (False, (*counted(1), Reach(Outcome.EMPTY)), "connection 2: EMPTY"),
            (False, (Reach(Outcome.TIMEOUT),) * 2, "connection 1: TIMEOUT"),
            (False, said("Hello world! (1)", "Hello world! (2)"), "Hello world! (1)"),
            (False, said("Hello host! (1)\nmore", "Hello host! (2)"), "more"),
            (None, counted(1), "1 connection shows no rise"),
            (None, (), "0 connection"),
        )
    ),
    Case(
        hello_continues,
        True,
        {"before": counted(1, 2), "after": counted(3, 4)},
        HERE,
        "2 came 3, 4",
    ),
    *(
        Case(hello_continues, holds, {"before": before, "after": after}, HERE, says)
        for holds, before, after, says in (
            (False, counted(1, 2), counted(1, 2), "2 came 1, 2"),
            (False, counted(1, 2), counted(4), "2 came 4"),
            (False, counted(1, 2), counted(3, 3), "2 came 3, 3"),
            (False, counted(1), (Reach(Outcome.REFUSED),), "REFUSED"),
            (False, counted(1), said("Hello world! (2)"), "Hello world! (2)"),
            (None, (), counted(1), "no earlier count"),
            (None, (*counted(1), Reach(Outcome.TIMEOUT)), counted(2), "no earlier count"),
            (None, counted(1), (), "no earlier count"),
        )
    ),
]
