"""What on a machine may stop packets, named beside a claim whose connection was not answered.

These are no claims: nobody knows whether a packet met one of these obstacles, but each may have
stopped it. Source: Linux, ip-sysctl: ``forwarding`` of the interface that a packet comes in by
decides, ``ip_forward`` sets all of them, ``default`` is the value of new interfaces; for IPv6
``all`` alone decides (but for ``force_forwarding``, since 6.17)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hostonly.facts.firewall import Chain, Firewall, Rule
from hostonly.facts.nftables import POLICY, NftDrop
from hostonly.vantages import typed_on_host

DROPPING = frozenset({"DROP", "REJECT"})
# An engine whose rules are nftables' has them here; they and our own are as they must be.
ENGINES_TABLES, OUR_TABLES = "docker-", "hostonly_"
FORWARDING = {
    4: r"net\.ipv4\.(ip_forward|conf\..*\.forwarding)$",
    6: r"net\.ipv6\.conf\..*\.(forwarding|force_forwarding|disable_ipv6)$",
}
# Ports of a bridge, whose own switch counts, and the one interface that nothing comes in by.
NO_WAY_IN = re.compile(r"veth|lo$|all$")
# Bridges of networks, and links of a demo's own.
MADE = ("br-", "hostonly-")
# A new connection's first packet is none of these states.
NOT_NEW = re.compile(r"ct ?state (?!.*\b(?:new|established|untracked)\b)", re.IGNORECASE)
INTERFACE = re.compile(r'(?:[io]ifname|-[io]) (?:!= )?"?([^"\s]+)"?')


@dataclass(frozen=True, slots=True)
class Hop:
    """A machine, and what is known of its forwarding and its firewall.

    ``switches`` is None where the machine need not forward. ``link`` is the interface that a rule
    must name, where it names any; empty means every interface."""

    place: str
    prompt: str
    version: int
    switches: Mapping[str, int] | None
    firewall: Firewall | None
    native: tuple[NftDrop, ...]
    link: str = ""


def obstacles(ground: Hop) -> list[str]:
    """Returns what may stop packets on this machine, half a sentence each."""
    found = [*_switches(ground), *_rules(ground), *_natives(ground)]
    return [f"on the {ground.place} {each}" for each in found]


def _switches(ground: Hop) -> Iterator[str]:
    values = ground.switches or {}
    if ground.version == 6:
        if values.get("net.ipv6.conf.all.disable_ipv6"):
            yield _turned(ground, ["net.ipv6.conf.all.disable_ipv6"], "1", "it has no IPv6")
        forced = any(value for name, value in values.items() if name.endswith("force_forwarding"))
        if values.get("net.ipv6.conf.all.forwarding") == 0 and not forced:
            what = "it passes no IPv6 packet on, to a container or from one"
            yield _turned(ground, ["net.ipv6.conf.all.forwarding"], "0", what)
        return
    if values.get("net.ipv4.ip_forward") == 0:
        what = "it passes no packet on, to a container or from one"
        yield _turned(ground, ["net.ipv4.ip_forward"], "0", what)
        return
    names = {name: name.split(".", 3)[3].rpartition(".")[0] for name in values if ".conf." in name}
    shut = [n for n, link in names.items() if not values[n] and not NO_WAY_IN.match(link)]
    if "default" in (names[n] for n in shut):
        # Those that the demo made begin with it, and go with the demo.
        shut = [n for n in shut if not names[n].startswith(MADE)]
    if shut:
        links = ", ".join("new bridges" if names[n] == "default" else names[n] for n in shut)
        yield _turned(ground, shut, "0", f"it passes on nothing that comes in by {links}")


def _turned(ground: Hop, names: list[str], value: str, what: str) -> str:
    other = "0" if value == "1" else "1"
    argv = ("sudo", "sysctl", "-w", *(f"{name}={other}" for name in names))
    are = "is" if len(names) == 1 else "are"
    again = typed_on_host(ground.prompt, argv)
    return f"{', '.join(names)} {are} {value}: {what} (to switch it on again: {again})"


def _rules(ground: Hop) -> Iterator[str]:
    firewall = ground.firewall
    if firewall is None:
        return
    for rule in firewall.rules:
        if _may_stop(rule) and _is_on_way(ground, rule.text):
            table = "" if rule.flavour else f" in the table {rule.table}"
            yield f"the rule {rule.text}{table} has dropped {rule.packets} packets"
    own = [rule for rule in firewall.rules if not rule.flavour]
    has_engines = any(rule.target == "DOCKER" for rule in own)
    # As the engine sets it, with accepts of its own; on the host it is for others' packets.
    as_engine = has_engines or ground.prompt == "host"
    for chain in firewall.chains:
        if chain.policy == "DROP" and not (as_engine and _is_engines(chain)):
            whose = f" of {chain.flavour}" if chain.flavour else ""
            yield f"the policy of {chain.name} in the table {chain.table}{whose} is DROP"
    if ground.prompt == "host" or any(d.table.startswith(ENGINES_TABLES) for d in ground.native):
        return
    for table, name in (("nat", "PREROUTING"), ("filter", "FORWARD")):
        leading = [rule for rule in own if (rule.table, rule.chain) == (table, name)]
        if firewall.version == 4 and not any(
            (r.target or "").startswith("DOCKER") for r in leading
        ):
            again = typed_on_host(ground.prompt, ("sudo", "systemctl", "restart", "docker"))
            yield (
                f"{name} of the table {table} leads to none of the engine's rules"
                f" (to have them made again: {again})"
            )


def _is_engines(chain: Chain) -> bool:
    return (chain.table, chain.name, chain.flavour) == ("filter", "FORWARD", "")


def _may_stop(rule: Rule) -> bool:
    """Returns whether ``rule`` has dropped packets and is none of the engine's between its bridges.

    Those name interfaces and nothing else."""
    if rule.target not in DROPPING or not rule.packets:
        return False
    named = {option.name for option in rule.matches}
    engines = rule.chain.startswith("DOCKER") and rule.chain != "DOCKER-USER"
    return not (engines and named and named <= {"-i", "-o"})


def _is_on_way(ground: Hop, text: str) -> bool:
    if NOT_NEW.search(text):
        return False
    links = INTERFACE.findall(text)
    return not (ground.link and links) or any(
        ground.link == each or (each.endswith("+") and ground.link.startswith(each[:-1]))
        for each in links
    )


def _natives(ground: Hop) -> Iterator[str]:
    shown = set(ground.firewall.tables) if ground.firewall else set()
    hidden = set(ground.firewall.hidden) if ground.firewall else set()
    family, other = ("ip", "ip6") if ground.version == 4 else ("ip6", "ip")
    for drop in ground.native:
        if drop.family in (other, "arp") or drop.packets == 0:
            continue
        # Of a table that iptables shows: a rule that does not count, which is none of iptables' own.
        uncounted = drop.packets is None and drop.text != POLICY
        if drop.family == family and drop.table in shown - hidden and not uncounted:
            continue
        if drop.table.startswith((ENGINES_TABLES, OUR_TABLES)) or not _is_on_way(ground, drop.text):
            continue
        where = f"the chain {drop.chain} of the nftables table {drop.family} {drop.table}"
        yield f"{where} has: {drop.text}"
