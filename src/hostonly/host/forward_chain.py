"""Rules of ours in the FORWARD chain of the user's own iptables or ip6tables.

An accept in our own table does not undo a drop there. So where that chain's policy is DROP, as
Docker sets it (until 28; see "Packet filtering and firewalls" in its manual), rules with our
comment go into that very chain, and are removed by that comment.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from hostonly.host.command import find, run

COMMENT = "hostonly"
ACCEPT = ("-m", "comment", "--comment", COMMENT, "-j", "ACCEPT")
IPV4, IPV6 = "iptables", "ip6tables"


def chain(program: str) -> list[list[str]]:
    """Return the FORWARD chain as ``program`` prints it, in words; empty without that program.

    Raises:
        ToolFailed: the program refused.
    """
    if find(program) is None:
        return []
    said = run([program, "-w", "5", "-S", "FORWARD"], root=True, timeout=20)
    return [shlex.split(line) for line in said.splitlines()]


def drops(found: Sequence[Sequence[str]]) -> bool:
    """Return whether the policy of ``found``, a chain as ``chain`` returns it, is to drop."""
    return ["-P", "FORWARD", "DROP"] in [list(words) for words in found]


def accept(program: str, rules: Sequence[Sequence[str]]) -> bool:
    """Make a chain that drops accept what matches ``rules``, which have no target.

    Returns False where nothing was to be done.

    Raises:
        ToolFailed: ``program`` refused.
    """
    found = chain(program)
    if not drops(found):
        return False
    there = [set(words[2:]) for words in found if words[:1] == ["-A"]]
    # An attempt that was cut off made some of them. iptables may reorder the matches that it
    # prints.
    missing = [[*rule, *ACCEPT] for rule in rules if {*rule, *ACCEPT} not in there]
    for rule in missing:
        run([program, "-w", "5", "-I", "FORWARD", *rule], root=True, timeout=20)
    return bool(missing)


def remove(program: str, links: Collection[str]) -> bool:
    """Remove our rules that name one of ``links``; return False where there were none.

    Raises:
        ToolFailed: ``program`` refused.
    """
    ours = [
        words for words in chain(program) if _is_ours(words) and not set(words).isdisjoint(links)
    ]
    for words in ours:
        run([program, "-w", "5", "-D", *words[1:]], root=True, timeout=20)
    return bool(ours)


def _is_ours(words: Sequence[str]) -> bool:
    return (
        words[:1] == ["-A"]
        and "--comment" in words
        and words[words.index("--comment") + 1] == COMMENT
    )
