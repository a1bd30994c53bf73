"""Claims about an IPv6 network of the engine's, with expectations by the engine's version.

Until Docker 27.0 dockerd wrote no ip6tables rule unless it was told to be experimental, and
docker-proxy alone carried a port that was published on IPv6. Since then ip6tables is on by default,
and the port is rewritten as over IPv4 (moby/moby#47747)."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.publishing import dnat_rules
from hostonly.facts.docker import DockerContainer
from hostonly.facts.engine import EngineInfo
from hostonly.facts.firewall import Firewall
from hostonly.facts.interfaces import Interface
from hostonly.facts.listeners import Listener, on_port
from hostonly.facts.ports import rewritten_to
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import Route

IP6TABLES_SINCE = (27, 0, 0)
# What listens for IPv6: only for it, or for both.
WILDCARDS = frozenset({"[::]", "*"})


@claim(
    "address.ipv6",
    "The container has an address of {subnet}, and its gateway is the sandbox's own address there.",
    source="Docker manual, Use IPv6 networking",
)
def address_ipv6(
    *,
    subnet: str,
    container: tuple[Interface, ...],
    routes: tuple[Route, ...],
    sandbox: tuple[Interface, ...],
) -> Judgement:
    """Holds when the container has one address of ``subnet``, and the sandbox its gateway's.

    The gateway is where the container's one IPv6 default route goes to."""
    network = IPv6Network(subnet)
    own = _addresses_in(network, container)
    theirs = _addresses_in(network, sandbox)
    gateways = [IPv6Address(r.gateway) for r in routes if r.is_default and r.gateway]
    found = (
        f"it has {_listed(own)} and the gateway {_listed(gateways)};"
        f" the sandbox has {_listed(theirs)}"
    )
    if len(own) != 1 or len(gateways) != 1:
        return Judgement(False, found)
    return Judgement(gateways[0] in theirs and own[0] not in theirs, found)


def _addresses_in(network: IPv6Network, interfaces: tuple[Interface, ...]) -> list[IPv6Address]:
    values = [address.value.ip for each in interfaces for address in each.addresses]
    return [ip for ip in values if isinstance(ip, IPv6Address) and ip in network]


def _listed(values: list[IPv6Address]) -> str:
    return ", ".join(str(value) for value in values) or "none"


@claim(
    "ipv6.published",
    "Over IPv6 port {port} is carried by docker-proxy with engines before 27, by DNAT since.",
    source="Docker Engine 27.0, release notes: ip6tables is the default; moby/moby#47747",
)
def ipv6_published(
    *,
    port: int,
    engine: EngineInfo,
    container: DockerContainer,
    listeners: tuple[Listener, ...],
    before: Firewall,
    after: Firewall,
    answers: tuple[Reach, ...],
) -> Judgement:
    """Holds when the port is carried over IPv6 as engines of that version do.

    Before 27 docker-proxy alone listens for IPv6, and ip6tables rewrites nothing to that port.
    Since 27 it is rewritten to the container, and the rules' packet counter rose by the connections
    made. UNKNOWN where a connection was not answered."""
    holders = [
        holder.name
        for each in on_port(listeners, port)
        if each.address in WILDCARDS
        for holder in each.holders
    ]
    rules = dnat_rules(after, port)
    listening = f"{', '.join(dict.fromkeys(holders)) or 'nobody that is named'} listens"
    if any(reach.outcome is not Outcome.ANSWERS for reach in answers) or not answers:
        return Judgement(None, f"{listening}; not every connection was answered")
    if engine.release < IP6TABLES_SINCE:
        if rules:
            return Judgement(False, f"{engine.version}: ip6tables has {rules[0].text}")
        alone = set(holders) == {"docker-proxy"}
        return Judgement(alone, f"{engine.version}: {listening}; ip6tables has no rule for it")
    return _rewritten(port, container, before, after, len(answers), engine.version)


def _rewritten(
    port: int,
    container: DockerContainer,
    before: Firewall,
    after: Firewall,
    made: int,
    version: str,
) -> Judgement:
    rules = dnat_rules(after, port)
    targets = [rewritten_to(rule.option("--to-destination") or "")[0] for rule in rules]
    addresses = {end.address6 for end in container.endpoints if end.address6}
    if not rules or not set(targets) <= addresses:
        found = "; ".join(rule.text for rule in rules) or "no rule"
        return Judgement(False, f"{version}: for port {port} ip6tables has {found}")
    counted = sum(rule.packets for rule in rules)
    rise = counted - sum(rule.packets for rule in dnat_rules(before, port))
    return Judgement(rise == made, f"{version}: {rules[0].text} took {rise} of {made} connections")


@claim(
    "ipv6.forwarding",
    "While the engine has an IPv6 network, the sandbox is a router for IPv6.",
    source="dockerd(8), --ip-forward; ip-sysctl: net.ipv6.conf.all.forwarding",
)
def ipv6_forwarding(*, before: int, after: int) -> Judgement:
    """Holds when the kernel forwards IPv6 after the network was made; says what it did before."""
    return Judgement(
        after == 1, f"forwarding was {before} before the network was made, now {after}"
    )
