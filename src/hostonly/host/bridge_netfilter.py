"""Rules that let sandboxes' packets pass where the user's own Docker filters bridged packets.

With ``bridge-nf-call-iptables`` (and ``-ip6tables``) the chain FORWARD also sees frames that only
cross a bridge. Where that chain drops, it gets rules of ours: for packets between sandboxes, and
for IPv4 also for their way out. What our own table forbids stays forbidden: it is asked before.
"""

from __future__ import annotations

from hostonly.host import forward_chain


def accept(bridge: str, nat_bridge: str) -> bool:
    """Let packets between sandboxes and on their way out pass a FORWARD chain that drops.

    Returns False where there is no such chain or nothing was to be done.

    Raises:
        ToolFailed: iptables refused.
    """
    between = ["-i", bridge, "-o", bridge]
    out = ["-i", nat_bridge, "!", "-o", nat_bridge]
    answers = ["-o", nat_bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    changed = forward_chain.accept(forward_chain.IPV4, [between, out, answers])
    return forward_chain.accept(forward_chain.IPV6, [between]) or changed


def remove(bridge: str, nat_bridge: str) -> bool:
    """Remove our rules; return False where there were none.

    Raises:
        ToolFailed: iptables refused.
    """
    links = (bridge, nat_bridge)
    removed = [
        forward_chain.remove(program, links) for program in (forward_chain.IPV4, forward_chain.IPV6)
    ]
    return any(removed)
