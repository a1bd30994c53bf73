"""Firewall rules with their counters, every table: ``iptables-save -c``, ``ip6tables-save -c``.

Source of the format: iptables-save(8) 1.8.9; ``xshared.c``/``xtables.c`` for how values are quoted
(double quotes, with backslashes before ``"`` and ``\\``, only where a value has other characters
than letters, digits, ``-`` and ``_``). One line a rule::

    [PACKETS:BYTES] -A CHAIN [! ]--OPTION VALUE … -j TARGET --OPTION VALUE …

iptables-nft leaves out a table that holds what only ``nft`` can show and says so in a comment,
with status 0; a kernel can also hold rules of iptables-legacy that iptables-nft does not show. In
both cases rules exist that were not seen, and the fact is not observed.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from hostonly.errors import Unreachable
from hostonly.facts.batch import Look
from hostonly.facts.fact import Fact, NotObserved, Unreadable, read
from hostonly.facts.ports import ports_in
from hostonly.vantages import Result, Vantage

# Options whose one value is free text: it may look like an option itself, and is not quoted then.
FREE_TEXT = frozenset(
    {"--comment", "--log-prefix", "--nflog-prefix", "--string", "--hex-string", "--prefix"}
)
LEGACY = "iptables-legacy tables present"
DESTINATION_PORT_OPTIONS = frozenset({"--dport", "--dports", "--ports", "--destination-port"})


@dataclass(frozen=True, slots=True)
class Option:
    """One option as it is written: ``name`` with its dashes; ``negated`` by a ``!`` before it."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``version`` is 4 or 6; ``matches`` are the options before ``-j``, ``options`` the
    target's own; ``target`` is None for a rule that only counts; ``text`` is the rule as printed,
    without its counters."""

    version: int
    table: str
    chain: str
    packets: int
    bytes: int
    matches: tuple[Option, ...]
    target: str | None
    options: tuple[Option, ...]
    text: str

    def match(self, name: str) -> Option | None:
        """The first match option called ``name`` (``--dport``, ``-d``)."""
        return next((option for option in self.matches if option.name == name), None)

    def option(self, name: str) -> str | None:
        """The first value of the target's option ``name`` (``--to-destination``)."""
        return next((o.values[0] for o in self.options if o.name == name and o.values), None)

    @property
    def protocol(self) -> str | None:
        """``tcp``, ``udp``, …; None where it takes every protocol or all but one."""
        option = self.match("-p")
        return option.values[0] if option and not option.negated and option.values else None

    def takes_destination_port(self, port: int) -> bool:
        """Whether its port matches let a packet to ``port`` through; those without any do."""
        for option in self.matches:
            if option.name in DESTINATION_PORT_OPTIONS:
                inside = any(port in ports_in(value) for value in option.values)
                if inside == option.negated:
                    return False
        return self.protocol not in {"icmp", "ipv6-icmp", "icmpv6", "igmp", "esp", "ah", "gre"}


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; ``policy`` is None for one that a user made."""

    version: int
    table: str
    name: str
    policy: str | None
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Firewall:
    """All tables of one IP ``version`` (4 or 6), rules in the order in which they are tried.

    A table that nobody has used yet is not in ``tables``; it has no rules.
    """

    version: int
    tables: tuple[str, ...]
    chains: tuple[Chain, ...]
    rules: tuple[Rule, ...]

    def rules_in(self, table: str, chain: str | None = None) -> tuple[Rule, ...]:
        """The rules of ``table``, of every chain or of one."""
        return tuple(
            rule
            for rule in self.rules
            if rule.table == table and (chain is None or rule.chain == chain)
        )

    def policy(self, table: str, chain: str) -> str | None:
        """What becomes of a packet that no rule of ``chain`` took: ``ACCEPT``, ``DROP``."""
        for each in self.chains:
            if (each.table, each.name) == (table, chain):
                return each.policy
        return None


def observe_firewall(vantage: Vantage, *, version: int = 4) -> Fact[Firewall]:
    """Every rule at ``vantage`` for IP ``version`` (4 or 6), seen as root."""
    question = firewall_look(version)
    try:
        result = vantage.run(question.argv)
    except Unreachable as error:
        return NotObserved(str(error))
    return question.read(result)


def firewall_look(version: int = 4) -> Look[Firewall]:
    """The same, to be run with others."""
    command = {4: "iptables-save", 6: "ip6tables-save"}[version]
    return Look(("sudo", command, "-c"), lambda result: read_rules(result, version))


def read_rules(result: Result, version: int = 4) -> Fact[Firewall]:
    """The rules in what ``iptables-save -c`` gave; not observed where it did not show all."""
    if result.ok and LEGACY in result.output:
        return NotObserved(
            f"there are rules that `{result.command}` does not show: {LEGACY}", (result,)
        )

    def parse_version(output: str) -> Firewall:
        return parse(output, version)

    return read(result, parse_version)


CHAIN = re.compile(r":(\S+) (\S+) \[(\d+):(\d+)\]")
RULE = re.compile(r"\[(\d+):(\d+)\] (-A (\S+)(.*))", re.DOTALL)


def parse(output: str, version: int = 4) -> Firewall:
    """Read ``iptables-save -c``; ``Unreadable`` when a line is unknown or a table is not whole."""
    tables: list[str] = []
    chains: list[Chain] = []
    rules: list[Rule] = []
    table: str | None = None
    for line in output.splitlines():
        if line.startswith("#"):
            if "incompatible" in line:
                raise Unreadable(line.lstrip("# "))
        elif line.startswith("*") and table is None:
            table = line[1:].strip()
            tables.append(table)
        elif line == "COMMIT" and table is not None:
            table = None
        elif table is not None and (chain := CHAIN.fullmatch(line)):
            name, policy, packets, size = chain.groups()
            policy = None if policy == "-" else policy
            chains.append(Chain(version, table, name, policy, int(packets), int(size)))
        elif table is not None and (rule := RULE.fullmatch(line)):
            rules.append(_rule(rule, version, table))
        elif line.strip():
            raise Unreadable(f"line {line!r}")
    if table is not None:
        raise Unreadable(f"table {table} has no end")
    return Firewall(version, tuple(tables), tuple(chains), tuple(rules))


def _rule(match: re.Match[str], version: int, table: str) -> Rule:
    packets, size, text, chain, rest = match.groups()
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise Unreadable(f"rule {text!r}: {error}") from error
    options = _options(words, text)
    matches = tuple(options)
    target: str | None = None
    of_target: tuple[Option, ...] = ()
    for position, option in enumerate(options):
        if option.name in {"-j", "-g"}:
            if len(option.values) != 1:
                raise Unreadable(f"rule {text!r}")
            target = option.values[0]
            matches, of_target = tuple(options[:position]), tuple(options[position + 1 :])
            break
    return Rule(version, table, chain, int(packets), int(size), matches, target, of_target, text)


def _options(words: list[str], text: str) -> list[Option]:
    options: list[Option] = []
    negated = False
    position = 0
    while position < len(words):
        name = words[position]
        position += 1
        if name == "!":
            negated = True
            continue
        if not name.startswith("-"):
            raise Unreadable(f"rule {text!r}: {name!r} belongs to no option")
        values: list[str] = []
        if name in FREE_TEXT:
            values = words[position : position + 1]
            position += 1
        else:
            while position < len(words) and not words[position].startswith(("-", "!")):
                values.append(words[position])
                position += 1
        options.append(Option(name, tuple(values), negated))
        negated = False
    return options
