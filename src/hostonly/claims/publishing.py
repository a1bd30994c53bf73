"""Claims about a published port: where its packets are rewritten to, and who counts them.

The kernel asks the rules of nat for the first packet of a connection only, so that a DNAT rule's
packet counter is a number of connections (iptables(8), table nat). The same is true of the filter
rule that accepts the first packet: the others pass as ESTABLISHED."""

from __future__ import annotations

from ipaddress import ip_network

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.firewall import REWRITING
from hostonly.facts import Unreadable
from hostonly.facts.conntrack import Flow
from hostonly.facts.docker import DockerContainer
from hostonly.facts.firewall import Firewall, Rule
from hostonly.facts.ports import rewritten_to
from hostonly.facts.reach import Outcome, Reach


def dnat_rules(firewall: Firewall, port: int, protocol: str = "tcp") -> tuple[Rule, ...]:
    """Returns the nat rules that give packets of ``protocol`` to ``port`` another destination."""
    return tuple(
        rule
        for rule in firewall.rules_in("nat")
        if rule.target in REWRITING
        and rule.protocol in (None, protocol)
        and rule.takes_destination_port(port)
    )


def accept_rules(firewall: Firewall, address: str, port: int) -> tuple[Rule, ...]:
    """Returns the filter rules that name ``address`` and accept TCP packets to its ``port``."""
    return tuple(
        rule
        for rule in firewall.rules_in("filter")
        if rule.target == "ACCEPT"
        and rule.protocol == "tcp"
        and _is_for(rule, address)
        and rule.takes_destination_port(port)
    )


def _is_for(rule: Rule, address: str) -> bool:
    option = rule.match("-d")
    if option is None or option.negated or len(option.values) != 1:
        return False
    return str(ip_network(option.values[0])) == str(ip_network(address))


def packets(rules: tuple[Rule, ...]) -> int:
    """Returns how many packets ``rules`` have taken together."""
    return sum(rule.packets for rule in rules)


def _lost(answers: tuple[Reach, ...]) -> str | None:
    """Returns why ``answers`` cannot be counted as connections; None where all were answered."""
    silent = [str(reach) for reach in answers if reach.outcome is not Outcome.ANSWERS]
    if silent or not answers:
        return f"of {len(answers)} connections these were not answered: {', '.join(silent)}"
    return None


def _one_container(container: DockerContainer) -> str:
    if len(container.addresses) != 1:
        raise Unreadable(f"{container.name} has the addresses {container.addresses}")
    return container.addresses[0]


@claim(
    "dnat.target",
    "Packets to port {port} are rewritten to exactly the container's address and port {inside}.",
    source="Tutorial, bridge networking: iptables -t nat -L DOCKER; iptables-extensions(8), DNAT",
)
def dnat_target(
    *, port: int, inside: int, firewall: Firewall, container: DockerContainer
) -> Judgement:
    """Holds when all nat rules for ``port`` lead to this container and its port ``inside``.

    There must be such a rule. Fails with the text of one that leads elsewhere."""
    address = _one_container(container)
    rules = dnat_rules(firewall, port)
    if not rules:
        return Judgement(False, f"no rule of the nat table rewrites packets to port {port}")
    for rule in rules:
        host, ports = rewritten_to(rule.option("--to-destination") or "")
        # Without a port in the rule, the packet keeps the one it came with.
        to = ports.spans if ports is not None else ((port, port),)
        if host != address or to != ((inside, inside),):
            return Judgement(False, f"the container has {address}; the nat table has: {rule.text}")
    return Judgement(True, rules[0].text)


@claim(
    "dnat.counts",
    "The DNAT rule's packet counter rises by exactly the number of connections the host makes.",
    source="iptables(8): table nat, -v; Tutorial, bridge networking",
)
def dnat_counts(
    *, port: int, before: Firewall, after: Firewall, answers: tuple[Reach, ...]
) -> Judgement:
    """Holds when the rules for ``port`` took exactly one packet more for each connection.

    UNKNOWN where a connection was not answered, or the rules were made anew meanwhile."""
    return _rise(dnat_rules(before, port), dnat_rules(after, port), len(answers), answers)


@claim(
    "dnat.bypassed.{topic}",
    "{who} does not go through the DNAT rule: its counter stays.",
    source="iptables(8): -v; dockerd(8), --userland-proxy; Tutorial, bridge networking",
)
def dnat_bypassed(
    *,
    topic: str,
    who: str,
    port: int,
    before: Firewall,
    after: Firewall,
    answers: tuple[Reach, ...],
) -> Judgement:
    """Holds when connections that were answered left the counters of the rules as they were."""
    return _rise(dnat_rules(before, port), dnat_rules(after, port), 0, answers)


@claim(
    "filter.accepts",
    "A rule of the filter table accepts packets to the container's port {inside}, and counts them.",
    source="iptables -L DOCKER -v, which is the filter table; iptables(8)",
)
def filter_accepts(
    *,
    inside: int,
    before: Firewall,
    after: Firewall,
    container: DockerContainer,
    answers: tuple[Reach, ...],
) -> Judgement:
    """Holds when a rule accepts packets to the container, and took one more for each connection.

    The rule must name the container's address; the connections are the host's."""
    address = _one_container(container)
    return _rise(
        accept_rules(before, address, inside),
        accept_rules(after, address, inside),
        len(answers),
        answers,
    )


def _rise(
    before: tuple[Rule, ...], after: tuple[Rule, ...], wanted: int, answers: tuple[Reach, ...]
) -> Judgement:
    if not after:
        return Judgement(False, "there is no such rule")
    if [rule.text for rule in before] != [rule.text for rule in after]:
        return Judgement(None, "the rules were made anew between the two looks")
    if lost := _lost(answers):
        return Judgement(None, lost)
    rise = packets(after) - packets(before)
    if rise < 0:
        return Judgement(None, "the counters were set back between the two looks")
    words = f"{len(answers)} connections; the counter went from {packets(before)}"
    return Judgement(rise == wanted, f"{words} to {packets(after)}: {after[0].text}")


@claim(
    "dnat.alive",
    "Every DNAT rule leads to a container that runs.",
    source="iptables -t nat -L; docker container inspect",
)
def dnat_alive(*, firewall: Firewall, running: tuple[DockerContainer, ...]) -> Judgement:
    """Holds when every DNAT rule leads to a container that runs; UNKNOWN where there is none."""
    rules = [rule for rule in firewall.rules_in("nat") if rule.target == "DNAT"]
    if not rules:
        return Judgement(None, "there is no DNAT rule")
    names = {address: each.name for each in running for address in each.addresses}
    to: dict[str, None] = {}
    for rule in rules:
        host, _ = rewritten_to(rule.option("--to-destination") or "")
        if host not in names:
            return Judgement(False, f"no container that runs has the address in: {rule.text}")
        to[names[host]] = None
    return Judgement(True, f"{len(rules)} rules lead to {', '.join(to)}")


@claim(
    "rules.gone",
    "After `docker rm` no rule names the container's address any more.",
    source="iptables-save(8); Docker manual, packet filtering",
)
def rules_gone(*, address: str, before: Firewall, after: Firewall) -> Judgement:
    """Holds when rules of some table named ``address`` before, and none does now."""
    had, has = _naming(before, address), _naming(after, address)
    if has:
        return Judgement(False, f"{address} is still in: {'; '.join(rule.text for rule in has)}")
    if not had:
        return Judgement(None, f"no rule named {address} before either")
    return Judgement(True, f"{len(had)} rules named {address} before, none does now")


def _naming(firewall: Firewall, address: str) -> tuple[Rule, ...]:
    firewall.require_shown()
    found = []
    for rule in firewall.rules:
        values = [v for o in (*rule.matches, *rule.options) for v in o.values]
        # 172.17.0.2, 172.17.0.2/32, 172.17.0.2:8080
        if any(value.partition("/")[0].partition(":")[0] == address for value in values):
            found.append(rule)
    return tuple(found)


@claim(
    "conntrack.gone",
    "After `docker rm` the kernel tracks no connection of the container's any more.",
    source="conntrack(8); Docker manual, packet filtering",
)
def conntrack_gone(*, address: str, before: tuple[Flow, ...], after: tuple[Flow, ...]) -> Judgement:
    """Holds when the kernel tracked connections with ``address`` before, and tracks none now.

    An entry that stays sends packets of an old connection to whoever has the address next."""
    had, has = ([flow for flow in flows if address in flow.addresses] for flows in (before, after))
    if has:
        return Judgement(False, f"still tracked: {'; '.join(str(flow) for flow in has)}")
    if not had:
        return Judgement(None, f"no connection of {address} was tracked before either")
    return Judgement(True, f"{len(had)} connections of {address} were tracked before, none now")
