"""Cases of the claims about links beside the sandbox's own."""

from __future__ import annotations

from dataclasses import replace

from hostonly.claims.links import (
    address_own,
    address_shared_mac,
    neighbour_known,
    shim_gone,
    shim_reaches,
)
from hostonly.facts.interfaces import Address, Interface
from hostonly.facts.neighbours import NeighbourEntry
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute
from tests.unit.claims.case import Case
from tests.unit.claims.cases import ETH1, LO, OTHER_MAC, counted

MACVLAN = Interface(
    9, "eth0", "02:42:ac:10:00:fe", 1500, frozenset({"UP"}), (Address("172.16.0.254/24", "global"),)
)
IPVLAN = replace(MACVLAN, mac=ETH1.mac)
KNOWN = NeighbourEntry("172.16.0.254", "hostonly0", MACVLAN.mac, frozenset({"REACHABLE"}))
BY_ETH1 = ChosenRoute("172.16.0.254", "eth1", None, "172.16.0.2")
BY_SHIM = ChosenRoute("172.16.0.254", "hostonly-shim", None, "172.16.0.253")

OWN: dict[str, object] = {"address": "172.16.0.254", "network": "172.16.0.0/24"}
SHARED_MAC: dict[str, object] = {**OWN, "parent": "eth1"}
NEIGHBOUR: dict[str, object] = {"place": "host", "address": "172.16.0.254", "device": "hostonly0"}
GONE: dict[str, object] = {"shim": "hostonly-shim", "address": "172.16.0.254", "device": "eth1"}
SHIMMED: dict[str, object] = {
    "shim": "hostonly-shim",
    "name": "host",
    "address": "172.16.0.254",
    "port": 8080,
}

CASES = [
    Case(
        address_own, True, {"container": (LO, MACVLAN), "sandbox": (LO, ETH1)}, OWN, "ac:10:00:fe"
    ),
    *(
        Case(address_own, False, {"container": inside, "sandbox": (LO, ETH1)}, OWN, says)
        for inside, says in (
            ((LO,), "0 links: none"),
            ((LO, MACVLAN, OTHER_MAC), "2 links: eth0, eth1"),
            ((LO, replace(MACVLAN, addresses=())), "has no address"),
            ((LO, replace(MACVLAN, addresses=(Address("172.16.0.254/16", "global"),))), "254/16"),
            ((LO, replace(MACVLAN, mac=ETH1.mac)), "is eth1's"),
            ((LO, replace(MACVLAN, mac="")), "(none)"),
        )
    ),
    Case(address_shared_mac, True, {"container": (LO, IPVLAN), "sandbox": (LO, ETH1)}, SHARED_MAC),
    *(
        Case(address_shared_mac, holds, {"container": inside, "sandbox": outside}, SHARED_MAC, says)
        for holds, inside, outside, says in (
            (False, (LO, MACVLAN), (LO, ETH1), "02:42:ac:10:00:fe"),
            (False, (LO,), (LO, ETH1), "0 links"),
            (None, (LO, IPVLAN), (LO,), "has no eth1"),
        )
    ),
    Case(neighbour_known, True, {"neighbours": (KNOWN,), "container": (LO, MACVLAN)}, NEIGHBOUR),
    *(
        Case(
            neighbour_known,
            False,
            {"neighbours": table, "container": (LO, MACVLAN)},
            NEIGHBOUR,
            says,
        )
        for table, says in (
            ((), "no MAC of 172.16.0.254 on hostonly0"),
            ((replace(KNOWN, device="eth0"),), "no MAC"),
            ((replace(KNOWN, mac=None, states=frozenset({"FAILED"})),), "(FAILED)"),
            ((replace(KNOWN, mac=ETH1.mac),), "the container has 02:42:ac:10:00:fe"),
        )
    ),
    Case(shim_reaches, True, {"answers": counted(5, 6), "way": BY_SHIM}, SHIMMED, "n = 5, 6"),
    *(
        Case(shim_reaches, holds, {"answers": answers, "way": way}, SHIMMED, says)
        for holds, answers, way, says in (
            (False, counted(5, 6), BY_ETH1, "leaves by eth1"),
            (False, counted(5, 6), None, "there is none"),
            (False, (Reach(Outcome.TIMEOUT),) * 2, BY_SHIM, "TIMEOUT"),
            (None, counted(5), BY_SHIM, "no rise"),
        )
    ),
    Case(shim_gone, True, {"sandbox": (LO, ETH1), "way": BY_ETH1}, GONE),
    *(
        Case(shim_gone, False, {"sandbox": links, "way": way}, GONE, says)
        for links, way, says in (
            ((LO, ETH1, replace(MACVLAN, name="hostonly-shim")), BY_ETH1, "still has"),
            ((LO, ETH1), BY_SHIM, "leaves by hostonly-shim"),
            ((LO, ETH1), None, "there is none"),
        )
    ),
]
