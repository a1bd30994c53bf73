"""Whether IPVS may be set up from where one is: ``genl ctrl get name IPVS``.

IPVS is told what to do by netlink. A kernel that flags those commands with GENL_ADMIN_PERM takes them
from its first user namespace only, whoever the network belongs to, and refuses root of any other with
"operation not permitted"; one with GENL_UNS_ADMIN_PERM instead takes them from root of the user namespace
that the network belongs to. An engine that is refused logs "Failed to create a new service for vip", makes
everything else, and each member then refuses connections to the published port (moby issue 26106).

Sources: include/uapi/linux/genetlink.h (the flags), net/netlink/genetlink.c (what they ask for), Linux's
change "ipvs: allow netlink configuration from non-initial user namespace"; genl(8) of iproute2 6.1 prints
a family's commands with their flags; user_namespaces(7): the first one's uid_map is the identity.
"""

from __future__ import annotations

import re

from hostonly.facts.fact import Fact, Unreadable, observe
from hostonly.vantages import Vantage

# In a network of its own, so that IPVS is looked for and nothing of the machine's is touched.
ASK = "cat /proc/self/uid_map && genl ctrl get name IPVS"
FIRST = ["0", "0", "4294967295"]
COMMAND = re.compile(r"Capabilities \(0x([0-9a-f]+)\)")
GENL_ADMIN_PERM = 0x01


def observe_ipvs_allowed(vantage: Vantage) -> Fact[bool]:
    """Whether root of ``vantage``, whose kernel has IPVS, may tell it what to do."""
    return observe(vantage, ["sudo", "unshare", "--net", "sh", "-c", ASK], parse)


def parse(output: str) -> bool:
    """Read it; ``Unreadable`` where it tells neither the user namespace nor the commands."""
    ids, _, family = output.partition("\n")
    if len(ids.split()) != 3:
        raise Unreadable(f"no uid_map: {ids[:80]!r}")
    flags = [int(each, 16) for each in COMMAND.findall(family)]
    if not flags:
        raise Unreadable("no command of IPVS is listed")
    return ids.split() == FIRST or not any(each & GENL_ADMIN_PERM for each in flags)
