"""Claims about what the firewall does with a packet."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hostonly.claims.claim import Judgement, claim
from hostonly.facts import Unreadable
from hostonly.facts.docker import DockerContainer
from hostonly.facts.firewall import Firewall, Rule
from hostonly.facts.ports import ports_in, rewritten_to

# Targets of the nat table that give a packet another destination.
REWRITING = frozenset({"DNAT", "REDIRECT", "NETMAP"})


def rewrites_port(rule: Rule, port: int) -> bool:
    """Returns whether ``rule`` gives packets to ``port`` another destination, or others this port.

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
def nat_silent(*, port: int, firewall: Firewall, running: tuple[DockerContainer, ...]) -> Judgement:
    """Holds when no rule of the nat table rewrites packets to ``port``, nor others to it.

    Ranges and lists of ports are looked into; a rule without a port takes every port; comments do
    not count. Fails with the rule's text and the running container that it leads to, if any."""
    rules = firewall.rules_in("nat")
    speaking = [rule for rule in rules if rewrites_port(rule, port)]
    if speaking:
        named = (f"{rule.text}{_whose(rule, running)}" for rule in speaking)
        return Judgement(False, f"the nat table has: {'; '.join(named)}")
    if "nat" not in firewall.tables:
        return Judgement(True, "nobody has used the nat table: it has no rule")
    return Judgement(True, f"none of the {len(rules)} rules of the nat table does")


@claim(
    "nat.absent",
    "No DNAT rule leads to the container.",
    source="Tutorial, bridge networking: iptables -t nat -L; iptables-extensions(8)",
)
def nat_absent(*, firewall: Firewall, container: DockerContainer) -> Judgement:
    """Holds when no rule of the nat table rewrites packets to an address of the container.

    The container must have an address. Rules for others do not count. Fails with the rule's own
    text."""
    if not container.addresses:
        return Judgement(None, f"{container.name} has no address")
    rules = firewall.rules_in("nat")
    leading = [r.text for r in rules if any(leads_to(r, each) for each in container.addresses)]
    if leading:
        return Judgement(False, f"the nat table has: {'; '.join(leading)}")
    addresses = ", ".join(container.addresses)
    return Judgement(True, f"none of the {len(rules)} rules of the nat table leads to {addresses}")


def leads_to(rule: Rule, address: str) -> bool:
    """Returns whether ``address`` is a destination, or one of several, that ``rule`` gives packets.

    Raises:
        hostonly.facts.Unreadable: the addresses that the rule names cannot be read.
    """
    host, _ = rewritten_to(rule.option("--to-destination") or "")
    network = rule.option("--to")
    try:
        if rule.target == "NETMAP" and network is not None:
            return ip_address(address) in ip_network(network)
        if rule.target != "DNAT" or not host:
            return False
        first, _, last = host.partition("-")
        return int(ip_address(first)) <= int(ip_address(address)) <= int(ip_address(last or first))
    except ValueError as error:
        raise Unreadable(f"rule {rule.text!r}: {error}") from error


def _whose(rule: Rule, running: tuple[DockerContainer, ...]) -> str:
    names = [c.name for c in running if any(leads_to(rule, each) for each in c.addresses)]
    if not names:
        return ""
    return f" (container {', '.join(names)}; it goes with `docker stop {' '.join(names)}`)"
