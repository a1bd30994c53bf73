"""What drops packets in tables that iptables does not show: ``nft list ruleset``.

Source of the format: nft(8) 1.0.6: one block a table, one a chain in it, a line a rule; the tables
of iptables-nft are there as well, by their family (``ip``, ``ip6``) and name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

TABLE = re.compile(r"table (\S+) (\S+) \{")
CHAIN = re.compile(r"\tchain (\S+) \{")
POLICY = "policy drop"
BASE_CHAIN = re.compile(rf"type (\S+) hook (\S+) .*{POLICY};")
COUNTER = re.compile(r"\bcounter packets (\d+) ")
DROPS = re.compile(r"\b(drop|reject)\b")
QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class NftDrop:
    """A rule that drops or rejects packets, or a chain whose policy drops them.

    ``text`` is the rule or the policy; ``packets`` is how many it has taken, None if it does not
    count."""

    family: str
    table: str
    chain: str
    text: str
    packets: int | None


def nftables() -> Question[tuple[NftDrop, ...]]:
    """Ask for every rule and every policy that drops packets."""
    return question(["nft", "list", "ruleset"], parse, root=True)


def parse(output: str) -> tuple[NftDrop, ...]:
    """Read ``nft list ruleset``.

    Raises:
        Unreadable: the output does not begin with a table.
    """
    found: list[NftDrop] = []
    family = table = chain = ""
    for line in output.splitlines():
        text = line.strip()
        if match := TABLE.fullmatch(line):
            family, table = match.groups()
        elif not table and text and not text.startswith("#"):
            raise Unreadable(f"line {line!r}")
        elif match := CHAIN.fullmatch(line):
            chain = match[1]
        elif line == "\t}":
            chain = ""
        elif chain and BASE_CHAIN.match(text):
            found.append(NftDrop(family, table, chain, POLICY, None))
        elif chain and DROPS.search(QUOTED.sub("", text)):
            counted = COUNTER.search(text)
            packets = int(counted[1]) if counted else None
            found.append(NftDrop(family, table, chain, text, packets))
    return tuple(found)
