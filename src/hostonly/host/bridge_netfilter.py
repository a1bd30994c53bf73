"""Where the user's own Docker filters bridged and forwarded packets, ours must pass all the same.

Docker (until 28; see "Packet filtering and firewalls" in its manual) sets the policy of iptables'
FORWARD chain to DROP, and with ``bridge-nf-call-iptables`` that chain also sees frames that only
cross a bridge. An accept in a table of our own does not undo a drop there, so two rules with our
comment go into that very chain, only where it drops, and are removed by that comment.
"""

from __future__ import annotations

import shlex

from hostonly.host.command import find, run

COMMENT = "hostonly"


def _rules(bridge: str, nat_bridge: str) -> list[list[str]]:
    mark = ["-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"]
    answers = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    return [
        ["-i", bridge, "-o", bridge, *mark],
        ["-i", nat_bridge, "!", "-o", nat_bridge, *mark],
        ["-o", nat_bridge, *answers, *mark],
    ]


def _chain() -> list[list[str]]:
    """The FORWARD chain as ``iptables -S`` prints it, in words."""
    said = run(["iptables", "-w", "5", "-S", "FORWARD"], root=True, timeout=20)
    return [shlex.split(line) for line in said.splitlines()]


def accept(bridge: str, nat_bridge: str) -> bool:
    """Let packets between sandboxes and on their way out pass a FORWARD chain that drops.

    False where there is no such chain, and nothing was to be done. What our own table forbids
    stays forbidden: it is asked before.

    Raises:
        ToolFailed: iptables refused.
    """
    if find("iptables") is None:
        return False
    chain = _chain()
    if ["-P", "FORWARD", "DROP"] not in chain or _ours(chain, bridge, nat_bridge):
        return False
    for rule in _rules(bridge, nat_bridge):
        run(["iptables", "-w", "5", "-I", "FORWARD", *rule], root=True, timeout=20)
    return True


def remove(bridge: str, nat_bridge: str) -> bool:
    """Remove our rules; False where there were none.

    Raises:
        ToolFailed: iptables refused.
    """
    if find("iptables") is None:
        return False
    ours = _ours(_chain(), bridge, nat_bridge)
    for words in ours:
        run(["iptables", "-w", "5", "-D", *words[1:]], root=True, timeout=20)
    return bool(ours)


def _ours(chain: list[list[str]], bridge: str, nat_bridge: str) -> list[list[str]]:
    """The rules of ``chain`` with our comment that speak of these bridges."""
    return [
        words
        for words in chain
        if words[:1] == ["-A"]
        and "--comment" in words
        and words[words.index("--comment") + 1] == COMMENT
        and (bridge in words or nat_bridge in words)
    ]
