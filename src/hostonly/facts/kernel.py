"""What the sandbox's kernel can do: tried in a network namespace that ends with the attempt.

A module's file proves nothing: a container's kernel is the host's, which may lack it, have it built
in, or refuse to load it from there. So a link of the kind is made, in a namespace that only the
attempt's own process holds, and that the kernel takes away with it. Sources: unshare(1), ip-link(8)
("Unknown device type"), and for IPVS, IPv6 and the bridges' netfilter their own files in /proc,
which exist exactly where the module is loaded or built in.

The kernel loads a module when something in it is asked for, also by a user namespace, whose root
may load none itself (br_netfilter apart, see ``hostonly.host.modules``): for a kind of link; for
IPVS by its netlink family, where the module has that alias, and by the iptables match in the
engine's own rules for a swarm, which needs it. Such a module stays loaded: the engine's rules would
have had it loaded as well."""

from __future__ import annotations

from hostonly.facts.fact import Fact, NotObserved, Observed
from hostonly.facts.questions import Question
from hostonly.vantages import Result

# A pair of links first, since ipvlan and macvlan need one beneath them.
TRY_LINK = "ip link add below type veth peer name other && ip link add {link} above type {kind}"
# Whatever these two say: what they were to have loaded is then looked for.
LOAD_IPVS = "genl ctrl get name IPVS; iptables -A INPUT -m ipvs --ipvs"
KINDS = {
    "dummy": TRY_LINK.format(kind="dummy", link="name"),
    "ipvlan": TRY_LINK.format(kind="ipvlan", link="link below name"),
    "macvlan": TRY_LINK.format(kind="macvlan", link="link below name"),
    "vxlan": TRY_LINK.format(kind="vxlan id 1 dstport 4789", link="name"),
    "vlan": TRY_LINK.format(kind="vlan id 7", link="link below name"),
    "ip_vs": f"{{ {LOAD_IPVS}; }} >/dev/null 2>&1; test -e /proc/net/ip_vs",
    "ipv6": "test -e /proc/net/if_inet6",
    # A network namespace's own switches; before Linux 5.3 only the machine's has any.
    "br_netfilter": "test -e /proc/sys/net/bridge/bridge-nf-call-iptables",
}
# These are only looked for: the test's status is the answer, and it says nothing.
LOOKED_FOR = frozenset({"ip_vs", "ipv6", "br_netfilter"})
# This one where the engine will look for it.
IN_PLACE = frozenset({"br_netfilter"})
MISSING = ("Unknown device type", "Operation not supported", "Not supported")


def missing(kind: str) -> str:
    """Return the reason for skipping what needs ``kind``, where the kernel lacks that."""
    return f"this kernel has no {kind}: the module {kind} is neither built in nor loaded"


def capability(kind: str) -> Question[bool]:
    """Ask whether the vantage's kernel has ``kind``, one of ``KINDS``."""

    def read_attempt(result: Result) -> Fact[bool]:
        if result.ok:
            return Observed(True, (result,))
        if any(words in result.stderr for words in MISSING):
            return Observed(False, (result,))
        if kind in LOOKED_FOR and result.exit == 1 and not result.output:
            return Observed(False, (result,))
        return NotObserved(result.failure, (result,))

    apart = () if kind in IN_PLACE else ("unshare", "--net")
    return Question((*apart, "sh", "-c", KINDS[kind]), read_attempt, root=True)
