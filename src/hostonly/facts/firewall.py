r"""Firewall rules of every table, with their counters: ``iptables-save -c``, ``ip6tables-save -c``.

Source of the format: iptables-save(8) 1.8.9; ``xshared.c``/``xtables.c`` for how values are quoted
(double quotes, with backslashes before ``"`` and ``\``, only where a value has other characters
than letters, digits, ``-`` and ``_``). One line a rule::

    [PACKETS:BYTES] -A CHAIN [! ]--OPTION VALUE … -j TARGET --OPTION VALUE …

iptables comes in two flavours, and the kernel obeys both: iptables-nft and iptables-legacy, each
with tables of its own. ``iptables`` is one of them (update-alternatives(1)), and shows its own
alone. So the other one's ``…-save`` is asked too, where there may be something of it: iptables-nft
says on stderr that there are legacy tables, and writes ``(nf_tables)`` into its first line.
iptables-legacy is not asked where the kernel has no such tables: that would load its module.

iptables-nft leaves out a table that holds what only ``nft`` can show and says so in a comment, with
status 0. Such a table is ``hidden``, and to read its rules raises ``Unreadable``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from hostonly.facts.fact import Fact, NotObserved, Observed, Unreadable, read
from hostonly.facts.ports import ports_in
from hostonly.facts.questions import Question
from hostonly.vantages import NOT_FOUND, Result

# Options whose one value is free text: it may look like an option itself, and is not quoted then.
FREE_TEXT = frozenset(
    {"--comment", "--log-prefix", "--nflog-prefix", "--string", "--hex-string", "--prefix"}
)
PROGRAMS = {4: "iptables", 6: "ip6tables"}
LEGACY = re.compile(r"ip6?tables-legacy tables present")
NFT = "(nf_tables)"
HIDDEN = re.compile(r"# Table [`'\"](\S+)['\"] is incompatible")
DESTINATION_PORT_OPTIONS = frozenset({"--dport", "--dports", "--ports", "--destination-port"})


@dataclass(frozen=True, slots=True)
class Option:
    """One option as it is written: ``name`` with its dashes; ``negated`` by a ``!`` before it."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a chain.

    ``version`` is 4 or 6. ``matches`` are the options before ``-j``, ``options`` the target's own.
    ``target`` is None for a rule that only counts. ``text`` is the rule as printed, without its
    counters. ``flavour`` is empty for the rules of what ``iptables`` is here; else it is the other
    flavour (``iptables-legacy``, say), which ``text`` then names too."""

    version: int
    table: str
    chain: str
    packets: int
    bytes: int
    matches: tuple[Option, ...]
    target: str | None
    options: tuple[Option, ...]
    text: str
    flavour: str = ""

    def match(self, name: str) -> Option | None:
        """Return the first match option called ``name`` (``--dport``, ``-d``)."""
        return next((option for option in self.matches if option.name == name), None)

    def option(self, name: str) -> str | None:
        """Return the first value of the target's option ``name`` (``--to-destination``)."""
        return next((o.values[0] for o in self.options if o.name == name and o.values), None)

    @property
    def protocol(self) -> str | None:
        """The protocol (``tcp``, ``udp``, …); None where the rule takes all, or all but one."""
        option = self.match("-p")
        return option.values[0] if option and not option.negated and option.values else None

    def takes_destination_port(self, port: int) -> bool:
        """Return whether the rule's port matches, if any, let a packet to ``port`` through."""
        for option in self.matches:
            if option.name in DESTINATION_PORT_OPTIONS:
                inside = any(port in ports_in(value) for value in option.values)
                if inside == option.negated:
                    return False
        return self.protocol not in {"icmp", "ipv6-icmp", "icmpv6", "igmp", "esp", "ah", "gre"}


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; ``policy`` is None for one that a user made, ``flavour`` is as for ``Rule``."""

    version: int
    table: str
    name: str
    policy: str | None
    packets: int
    bytes: int
    flavour: str = ""


@dataclass(frozen=True, slots=True)
class Firewall:
    """All tables of one IP ``version`` (4 or 6).

    Rules are in the order in which they are tried; those of the flavour that ``iptables`` is come
    first. A table that nobody has used yet is not in ``tables``; it has no rules. One that was not
    shown is ``hidden``."""

    version: int
    tables: tuple[str, ...]
    chains: tuple[Chain, ...]
    rules: tuple[Rule, ...]
    hidden: tuple[str, ...] = ()

    def require_shown(self, *tables: str) -> None:
        """Refuse where one of ``tables`` was not shown; without ``tables``, where any was not.

        Raises:
            Unreadable: a table was not shown.
        """
        family = {4: "ip", 6: "ip6"}[self.version]
        for table in self.hidden:
            if not tables or table in tables:
                show = f"sudo nft list table {family} {table}"
                raise Unreadable(f"the table {table} holds rules that only nft shows: {show}")

    def rules_in(self, table: str, chain: str | None = None) -> tuple[Rule, ...]:
        """Return the rules of ``table``, of every chain or of one.

        Raises:
            Unreadable: the table was not shown.
        """
        self.require_shown(table)
        return tuple(
            rule
            for rule in self.rules
            if rule.table == table and (chain is None or rule.chain == chain)
        )


def firewall(version: int = 4) -> Question[Firewall]:
    """Ask for every rule for IP ``version`` (4 or 6), of both flavours."""

    def own_first(answer: Result) -> Fact[Firewall] | Question[Firewall]:
        own, other = _read(answer, version), _other(answer, version)
        if isinstance(own, NotObserved) or other is None:
            return own
        return Question(
            (f"{other}-save", "-c"), lambda result: _with(own, result, version, other), root=True
        )

    return Question((f"{PROGRAMS[version]}-save", "-c"), own_first, root=True)


def _with(own: Observed[Firewall], result: Result, version: int, other: str) -> Fact[Firewall]:
    """Add to the firewall ``own`` the rules of the flavour ``other``, which are in ``result``."""
    evidence = (*own.evidence, result)
    theirs = _read(result, version, other)
    if isinstance(theirs, Observed):
        return Observed(_merged(own.value, theirs.value), evidence)
    if other.endswith("-nft") and _not_there(result):
        # An iptables from before there were two.
        return Observed(own.value, evidence)
    return NotObserved(f"there may be rules of {other}: {theirs.because}", evidence)


def _not_there(result: Result) -> bool:
    """Return whether the program was not found, by the shell or by sudo."""
    return result.exit == NOT_FOUND or "command not found" in result.stderr


def _other(answer: Result, version: int) -> str | None:
    """Return the flavour that may have rules that ``answer`` does not show; None where none may."""
    if LEGACY.search(answer.output):
        return f"{PROGRAMS[version]}-legacy"
    # Of an empty answer nobody knows whose it is.
    return None if NFT in answer.stdout else f"{PROGRAMS[version]}-nft"


def _read(result: Result, version: int, flavour: str = "") -> Fact[Firewall]:
    return read(result, lambda output: parse(output, version, flavour))


def _merged(own: Firewall, other: Firewall) -> Firewall:
    return Firewall(
        own.version,
        tuple(dict.fromkeys((*own.tables, *other.tables))),
        own.chains + other.chains,
        own.rules + other.rules,
        tuple(dict.fromkeys((*own.hidden, *other.hidden))),
    )


CHAIN = re.compile(r":(\S+) (\S+) \[(\d+):(\d+)\]")
RULE = re.compile(r"\[(\d+):(\d+)\] (-A (\S+)(.*))", re.DOTALL)


def parse(output: str, version: int = 4, flavour: str = "") -> Firewall:
    """Read ``iptables-save -c``.

    Raises:
        Unreadable: a line is unknown, or a table is not whole.
    """
    hidden: list[str] = []
    tables: list[str] = []
    chains: list[Chain] = []
    rules: list[Rule] = []
    table: str | None = None
    for line in output.splitlines():
        if line.startswith("#"):
            if match := HIDDEN.match(line):
                hidden.append(match[1])
            elif "incompatible" in line:
                raise Unreadable(line.lstrip("# "))
        elif line.startswith("*") and table is None:
            table = line[1:].strip()
            tables.append(table)
        elif line == "COMMIT" and table is not None:
            table = None
        elif table is not None and (chain := CHAIN.fullmatch(line)):
            name, policy, packets, size = chain.groups()
            policy = None if policy == "-" else policy
            counted = (int(packets), int(size))
            chains.append(Chain(version, table, name, policy, *counted, flavour))
        elif table is not None and (rule := RULE.fullmatch(line)):
            rules.append(_rule(rule, version, table, flavour))
        elif line.strip():
            raise Unreadable(f"line {line!r}")
    if table is not None:
        raise Unreadable(f"table {table} has no end")
    return Firewall(version, tuple(tables), tuple(chains), tuple(rules), tuple(hidden))


def _rule(match: re.Match[str], version: int, table: str, flavour: str) -> Rule:
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
    if flavour:
        text = f"{text} (a rule of {flavour}, table {table})"
    counted = (int(packets), int(size))
    return Rule(version, table, chain, *counted, matches, target, of_target, text, flavour)


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
