"""Cases of the claims about names and resolvers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hostonly.claims.names import (
    name_outside,
    name_resolves,
    name_unknown,
    resolver_embedded,
    resolver_outer,
)
from hostonly.facts.docker import DockerContainer, DockerEndpoint, DockerNetwork
from hostonly.facts.engine import EngineInfo
from hostonly.facts.firewall import Firewall, parse
from hostonly.facts.names import NO_ANSWER, Lookup
from hostonly.facts.resolver import Resolver
from tests.unit.claims.case import Case

EMBEDDED = Resolver(("127.0.0.11",), (), ("ndots:0",))
OUTER = Resolver(("192.0.2.53",), (), ())

RED = DockerEndpoint("red", "n1", "172.18.0.3", 16, "172.18.0.1", "")
BLUE = DockerEndpoint("blue", "n2", "172.19.0.2", 16, "172.19.0.1", "")
RED2 = DockerContainer("c2", "red2", "sha256:aa", "running", 7, "red", (), (RED,), ())
BOTH = replace(RED2, endpoints=(BLUE, RED))
NOWHERE = replace(RED2, endpoints=())

KNOWN = Lookup("red2", "NOERROR", ("172.18.0.3",), "127.0.0.11")
UNKNOWN = Lookup("blue1", "NXDOMAIN", (), "127.0.0.11")
EMPTY = Lookup("blue1", "NOERROR", (), "127.0.0.11")
SILENCE = Lookup("blue1", NO_ANSWER)
ELSEWHERE = Lookup("blue1", "NOERROR", ("192.0.2.80",), "192.0.2.53")

ACROSS: dict[str, object] = {"topic": "across", "who": "A container", "name": "red2"}
CLOSED = DockerNetwork("7c1d66e1", "closed", "bridge", True, ("172.20.0.0/16",), (), (), (), ())
OUTSIDE: dict[str, object] = {"network": "closed", "name": "outside.example"}


def engine(version: str) -> EngineInfo:
    return EngineInfo(version, "iptables", "inactive")


OLD = engine("20.10.24+dfsg1")


def dropped(number: int, link: str = "br-7c1d66e1") -> Firewall:
    """The rules of an --internal network as Docker 20.10 writes them, after so many packets."""
    isolation = "DOCKER-ISOLATION-STAGE-1"
    lines = (
        "*filter",
        f":{isolation} - [0:0]",
        f"[9:540] -A {isolation} ! -s 172.20.0.0/16 -o {link} -j DROP",
        f"[{number}:0] -A {isolation} ! -d 172.20.0.0/16 -i {link} -j DROP",
        f"[9:540] -A {isolation} ! -i {link} -j DROP",
        "COMMIT",
        "",
    )
    return parse("\n".join(lines))


def asked(lookup: Lookup, after: Firewall, **other: Any) -> dict[str, Any]:
    return {
        "lookup": lookup,
        "control": KNOWN,
        "engine": OLD,
        "inside": CLOSED,
        "before": dropped(1),
        "after": after,
        **other,
    }


SERVFAIL = Lookup("outside.example", "SERVFAIL", (), "127.0.0.11")

CASES = [
    *(
        Case(resolver_embedded, holds, {"resolver": resolver}, {"network": "red"}, says)
        for holds, resolver, says in (
            (True, EMBEDDED, "127.0.0.11"),
            (False, OUTER, "192.0.2.53"),
            (False, replace(EMBEDDED, nameservers=("127.0.0.11", "192.0.2.53")), "192.0.2.53"),
            (False, replace(EMBEDDED, nameservers=()), "none"),
        )
    ),
    *(
        Case(resolver_outer, holds, {"resolver": resolver}, {}, says)
        for holds, resolver, says in (
            (True, OUTER, "192.0.2.53"),
            (False, EMBEDDED, "127.0.0.11"),
            (False, replace(OUTER, nameservers=()), "none"),
        )
    ),
    *(
        Case(
            name_resolves,
            holds,
            {"lookup": lookup, "container": container},
            {"network": "red", "name": "red2"},
            says,
        )
        for holds, lookup, container, says in (
            (True, KNOWN, RED2, "red2 is 172.18.0.3; the container has 172.18.0.3"),
            (True, KNOWN, BOTH, "red2 is 172.18.0.3"),
            (False, ELSEWHERE, RED2, "red2 is 192.0.2.80"),
            (False, UNKNOWN, RED2, "red2 is NXDOMAIN"),
            (False, EMPTY, NOWHERE, "the container has none"),
        )
    ),
    *(
        Case(
            name_unknown,
            holds,
            {"lookup": lookup, "container": container, "control": control},
            ACROSS,
            says,
        )
        for holds, lookup, container, control, says in (
            (True, UNKNOWN, RED2, KNOWN, "red2 is NXDOMAIN; the control red2 is 172.18.0.3"),
            (True, SILENCE, RED2, KNOWN, "NO ANSWER"),
            (True, EMPTY, RED2, KNOWN, "no address"),
            (True, ELSEWHERE, RED2, KNOWN, "192.0.2.80"),
            (False, KNOWN, RED2, KNOWN, "red2 is 172.18.0.3"),
            (False, KNOWN, BOTH, UNKNOWN, "red2 is 172.18.0.3"),
            (None, UNKNOWN, RED2, SILENCE, "the control blue1 was not resolved either: NO ANSWER"),
            (None, UNKNOWN, RED2, EMPTY, "not resolved either: no address"),
            (None, UNKNOWN, NOWHERE, KNOWN, "red2 has no address"),
        )
    ),
    *(
        Case(name_outside, holds, values, OUTSIDE, says)
        for holds, values, says in (
            (True, asked(SILENCE, dropped(3)), "NO ANSWER, red2 is 172.18.0.3; 2 packets"),
            (True, asked(SERVFAIL, dropped(1), engine=engine("26.1.5")), "Docker 26.1.5"),
            (True, asked(SERVFAIL, dropped(1)), "is SERVFAIL"),
            (True, asked(SILENCE, dropped(3), engine=engine("25.0.3")), "2 packets"),
            # It was passed on, and somebody outside answered.
            (False, asked(UNKNOWN, dropped(1)), "is NXDOMAIN"),
            (False, asked(ELSEWHERE, dropped(1)), "is 192.0.2.80"),
            # These engines say SERVFAIL.
            (False, asked(SILENCE, dropped(3), engine=engine("26.0.0")), "NO ANSWER"),
            (False, asked(SILENCE, dropped(3), engine=engine("25.0.4")), "NO ANSWER"),
            (False, asked(SILENCE, dropped(3), engine=engine("23.0.11")), "NO ANSWER"),
            (None, asked(SILENCE, dropped(1)), "no packet was dropped"),
            (None, asked(SILENCE, dropped(3), control=SILENCE), "was not resolved either"),
            (
                None,
                asked(SILENCE, dropped(5, "br-other"), before=dropped(1, "br-other")),
                "no packet",
            ),
        )
    ),
]
