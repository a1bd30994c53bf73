"""Claims about what the firewall does with a packet."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.firewall import Firewall, Rule
from hostonly.facts.ports import ports_in, rewritten_to

# Targets of the nat table that give a packet another destination.
REWRITING = frozenset({"DNAT", "REDIRECT", "NETMAP"})


def rewrites_port(rule: Rule, port: int) -> bool:
    """Whether ``rule`` gives packets to ``port`` another destination, or others this port.

    Raises:
        hostonly.facts.Unreadable: a port that the rule names cannot be read.
    """
    if rule.target not in REWRITING:
        return False
    to = rule.option("--to-destination")
    if to is not None:
        _, ports = rewritten_to(to)
        if ports is not None and port in ports:
            return True
    to_ports = rule.option("--to-ports")
    if to_ports is not None and port in ports_in(to_ports):
        return True
    return rule.takes_destination_port(port)


@claim(
    "nat.silent",
    "No DNAT rule speaks of port {port}, in any chain of the nat table.",
    source="Tutorial, host networking: iptables -t nat -L; iptables-extensions(8)",
)
def nat_silent(*, port: int, firewall: Firewall) -> Judgement:
    """Holds when no rule of the nat table rewrites packets to ``port``, nor others to it.

    Ranges, lists and rules without a port, which take every one, are looked into; a comment is
    not. Fails with the rule's own text.
    """
    rules = firewall.rules_in("nat")
    speaking = [rule.text for rule in rules if rewrites_port(rule, port)]
    if speaking:
        return Judgement(False, f"the nat table has: {'; '.join(speaking)}")
    if "nat" not in firewall.tables:
        return Judgement(True, "nobody has used the nat table: it has no rule")
    return Judgement(True, f"none of the {len(rules)} rules of the nat table does")
