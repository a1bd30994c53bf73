"""Cases of the claims about who does not reach whom."""

from __future__ import annotations

from dataclasses import replace

from hostonly.claims.reach import (
    SHUT,
    SILENT,
    internal_closed,
    route_absent,
    route_none,
    unreachable,
)
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute
from tests.unit.claims.case import Case

REFUSED, TIMEOUT = Reach(Outcome.REFUSED), Reach(Outcome.TIMEOUT)
EMPTY, NO_ROUTE = Reach(Outcome.EMPTY), Reach(Outcome.NO_ROUTE)
SSH = Reach(Outcome.ANSWERS, "SSH-2.0-OpenSSH_9.2\n")
HELLO = Reach(Outcome.ANSWERS, "Hello bridge! (1)\n")
WAY = ChosenRoute("172.16.0.2", "hostonly0", None, "172.16.0.1")
OUT = ChosenRoute("192.0.2.2", "eth0", "172.20.0.1", "172.20.0.2")
ELSEWHERE = replace(WAY, device="eth0", gateway="192.0.2.1")

CLOSED: dict[str, object] = {
    "topic": "port",
    "place": "host",
    "target": "the sandbox's port",
    "address": "172.16.0.2",
    "port": 8080,
    "expected": SHUT,
    "device": "hostonly0",
}
CUT_OFF = {**CLOSED, "expected": SILENT}
CONTAINER: dict[str, object] = {
    "place": "host",
    "target": "the container",
    "address": "172.17.0.2",
    "gateway": "172.16.0.2",
    "device": "hostonly0",
}
ALONE: dict[str, object] = {"place": "container", "address": "172.16.0.2"}

CASES = [
    Case(
        unreachable,
        True,
        {"attempt": REFUSED, "control": SSH, "way": WAY},
        CLOSED,
        "REFUSED by way of hostonly0, the control ANSWERS 'SSH-2.0-OpenSSH_9.2'",
    ),
    Case(
        unreachable,
        True,
        {"attempt": TIMEOUT, "control": HELLO, "way": WAY, "witness": REFUSED},
        CUT_OFF,
        "elsewhere it is REFUSED",
    ),
    Case(
        unreachable,
        False,
        {"attempt": REFUSED, "control": HELLO, "way": WAY, "witness": HELLO},
        CUT_OFF,
        "and not NO ROUTE or TIMEOUT",
    ),
    *(
        Case(unreachable, holds, {"attempt": attempt, "control": control, "way": way}, CLOSED, says)
        for holds, attempt, control, way, says in (
            (False, HELLO, SSH, WAY, "it does: ANSWERS 'Hello bridge! (1)'"),
            (False, EMPTY, SSH, WAY, "it does: EMPTY"),
            # Somebody answered: that needs no control.
            (False, HELLO, TIMEOUT, None, "it does"),
            (False, TIMEOUT, SSH, WAY, "TIMEOUT by way of hostonly0, and not REFUSED"),
            (None, REFUSED, REFUSED, WAY, "the control was not answered either, but: REFUSED"),
            (None, REFUSED, EMPTY, WAY, "the control was not answered"),
            (None, REFUSED, SSH, None, "the packet has no way"),
            (None, REFUSED, SSH, ELSEWHERE, "the packet leaves by eth0"),
        )
    ),
    Case(
        unreachable,
        None,
        {"attempt": TIMEOUT, "control": HELLO, "way": WAY, "witness": TIMEOUT},
        CUT_OFF,
        "nobody else reaches it either: TIMEOUT",
    ),
    *(
        Case(route_absent, holds, {"way": way}, CONTAINER, says)
        for holds, way, says in (
            (True, None, "no route there at all"),
            (True, ELSEWHERE, "by eth0 via 192.0.2.1, which is not towards it"),
            (False, replace(WAY, gateway="172.16.0.2"), "by hostonly0 via 172.16.0.2"),
            (False, WAY, "by hostonly0"),
            (False, replace(ELSEWHERE, gateway="172.16.0.2"), "via 172.16.0.2"),
        )
    ),
    *(
        Case(route_none, holds, {"attempt": attempt, "control": control, "way": way}, ALONE, says)
        for holds, attempt, control, way, says in (
            (True, NO_ROUTE, HELLO, None, "to 172.16.0.2: NO ROUTE; on loopback: ANSWERS"),
            (False, NO_ROUTE, HELLO, WAY, "would leave by hostonly0"),
            (False, REFUSED, HELLO, None, "REFUSED"),
            (None, NO_ROUTE, REFUSED, None, "the control was not answered"),
        )
    ),
    *(
        Case(
            internal_closed,
            holds,
            {"attempt": attempt, "control": control, "way": way, "witness": witness},
            {
                "place": "container closed1",
                "address": "192.0.2.2",
                "port": 8080,
                "device": "eth0",
            },
            says,
        )
        for holds, attempt, control, way, witness, says in (
            (True, TIMEOUT, HELLO, OUT, REFUSED, "TIMEOUT by way of eth0; its neighbour ANSWERS"),
            # Newer engines give no gateway.
            (True, NO_ROUTE, HELLO, None, SSH, "NO ROUTE without a way; its neighbour"),
            (False, REFUSED, HELLO, OUT, REFUSED, "it has: REFUSED"),
            (False, SSH, HELLO, OUT, SSH, "it has: ANSWERS"),
            (None, TIMEOUT, REFUSED, OUT, REFUSED, "the control was not answered"),
            (None, TIMEOUT, HELLO, OUT, TIMEOUT, "nobody else reaches it either: TIMEOUT"),
            (None, TIMEOUT, HELLO, WAY, REFUSED, "leaves by hostonly0 where eth0 was expected"),
        )
    ),
]
