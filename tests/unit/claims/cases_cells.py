"""Cases of the claim behind a cell of the matrix."""

from __future__ import annotations

from typing import Any

from hostonly.claims.cells import Aim, cell
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute
from tests.unit.claims.case import Case

BRIDGED = ChosenRoute("172.16.0.2", "hostonly0", None, "172.16.0.1")
DEFAULT = ChosenRoute("172.17.0.2", "eth0", "192.0.2.1", "192.0.2.2")
INSIDE = ChosenRoute("172.17.0.2", "docker0", None, "172.17.0.1")
UNREACHABLE = ChosenRoute("172.17.0.2", "lo", None, None, "unreachable")

HELLO = Reach(Outcome.ANSWERS, "Hello bridge! (3)\n")
STRANGER = Reach(Outcome.ANSWERS, "Hello host! (1)\n")
SSH = Reach(Outcome.ANSWERS, "SSH-2.0-OpenSSH_9.2\n")
REFUSED, TIMEOUT = Reach(Outcome.REFUSED), Reach(Outcome.TIMEOUT)
EMPTY, NO_ROUTE = Reach(Outcome.EMPTY), Reach(Outcome.NO_ROUTE)


def about(expected: Outcome) -> dict[str, object]:
    what = "bridge: the container's own address"
    within, beyond = frozenset({"hostonly0"}), frozenset({"eth1", "docker0"})
    where = ("bridge", "own", "host", "host", what, "172.17.0.2", 8081)
    return {"aim": Aim(*where, expected, "so it is", within, beyond)}


def case(holds: bool | None, expected: Outcome, says: str, **values: Any) -> Case:
    return Case(cell, holds, values, about(expected), says)


SURE = {"control": SSH, "witness": HELLO}

CASES = [
    # The way decides where it leaves: nothing was sent then.
    case(True, Outcome.NO_ROUTE, "leaves by eth0 via 192.0.2.1", way=DEFAULT),
    case(True, Outcome.NO_ROUTE, "the kernel has no route", way=None),
    case(True, Outcome.NO_ROUTE, "leaves by lo", way=UNREACHABLE),
    case(False, Outcome.ANSWERS, "it is NO ROUTE: its way leaves by eth0", way=DEFAULT),
    case(None, Outcome.NO_ROUTE, "nothing was sent", way=BRIDGED),
    # So does the way onward from a container's gateway.
    case(True, Outcome.NO_ROUTE, "from its gateway its way leaves", way=BRIDGED, onward=DEFAULT),
    case(True, Outcome.NO_ROUTE, "the kernel has no route", way=BRIDGED, onward=None),
    case(False, Outcome.ANSWERS, "it is NO ROUTE: from its gateway", way=BRIDGED, onward=DEFAULT),
    case(None, Outcome.NO_ROUTE, "nothing was sent", way=BRIDGED, onward=INSIDE),
    # An answer needs no control, but the right greeting.
    case(True, Outcome.ANSWERS, "so it is (Hello bridge! (3))", way=BRIDGED, reach=HELLO),
    case(False, Outcome.TIMEOUT, "it is ANSWERS", way=BRIDGED, reach=HELLO),
    case(False, Outcome.NO_ROUTE, "it is ANSWERS", way=BRIDGED, reach=HELLO),
    case(False, Outcome.ANSWERS, "somebody else answers", way=BRIDGED, reach=STRANGER),
    case(False, Outcome.ANSWERS, "somebody else answers", way=BRIDGED, reach=SSH),
    case(False, Outcome.REFUSED, "somebody else answers", way=BRIDGED, reach=STRANGER),
    # What is not answered counts with control and witness only.
    case(True, Outcome.REFUSED, "control was answered", way=BRIDGED, reach=REFUSED, **SURE),
    case(True, Outcome.TIMEOUT, "control was answered", way=BRIDGED, reach=TIMEOUT, **SURE),
    case(True, Outcome.NO_ROUTE, "control was answered", way=BRIDGED, reach=NO_ROUTE, **SURE),
    case(False, Outcome.ANSWERS, "it is TIMEOUT", way=BRIDGED, reach=TIMEOUT, **SURE),
    case(False, Outcome.TIMEOUT, "it is REFUSED", way=BRIDGED, reach=REFUSED, **SURE),
    case(False, Outcome.ANSWERS, "it is EMPTY", way=BRIDGED, reach=EMPTY, **SURE),
    case(None, Outcome.REFUSED, "the control was not", way=BRIDGED, reach=REFUSED, witness=HELLO),
    case(
        None,
        Outcome.TIMEOUT,
        "the control was not",
        way=BRIDGED,
        reach=TIMEOUT,
        control=TIMEOUT,
        witness=HELLO,
    ),
    case(None, Outcome.ANSWERS, "answer itself", way=BRIDGED, reach=TIMEOUT, control=SSH),
    case(
        None,
        Outcome.TIMEOUT,
        "does not answer itself either: REFUSED",
        way=BRIDGED,
        reach=TIMEOUT,
        control=SSH,
        witness=REFUSED,
    ),
]
