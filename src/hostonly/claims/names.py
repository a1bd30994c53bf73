"""Claims about names: which resolver a container asks, and what that resolver finds."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.docker import DockerContainer, DockerNetwork
from hostonly.facts.engine import EngineInfo
from hostonly.facts.firewall import Firewall
from hostonly.facts.names import NO_ANSWER, NOERROR, Lookup
from hostonly.facts.resolver import EMBEDDED, Resolver


@claim(
    "resolver.embedded",
    "On the network {network} a container asks the engine's own resolver, 127.0.0.11.",
    source="Docker manual, bridge network driver: automatic DNS resolution between containers",
)
def resolver_embedded(*, network: str, resolver: Resolver) -> Judgement:
    """Holds when the container's resolv.conf names 127.0.0.11 and no other name server."""
    listed = ", ".join(resolver.nameservers) or "none"
    return Judgement(resolver.nameservers == (EMBEDDED,), f"its name servers: {listed}")


@claim(
    "resolver.outer",
    "On the default bridge a container does not ask the engine's resolver.",
    source="Docker manual, bridge network driver: differences to the default bridge",
)
def resolver_outer(*, resolver: Resolver) -> Judgement:
    """Holds when the container's resolv.conf names name servers, and 127.0.0.11 is none of them."""
    listed = ", ".join(resolver.nameservers) or "none"
    holds = bool(resolver.nameservers) and EMBEDDED not in resolver.nameservers
    return Judgement(holds, f"its name servers: {listed}")


@claim(
    "name.resolves",
    "On the network {network} the name {name} resolves to the container's address.",
    source="Docker manual, bridge network driver: automatic DNS resolution between containers",
)
def name_resolves(
    *, network: str, name: str, lookup: Lookup, container: DockerContainer
) -> Judgement:
    """Holds when the lookup gave exactly the container's address on ``network``."""
    here = tuple(e.address for e in container.endpoints if e.network == network)
    found = f"{name} is {lookup}; the container has {', '.join(map(str, here)) or 'none'}"
    return Judgement(bool(here) and lookup.addresses == here, found)


@claim(
    "name.unknown.{topic}",
    "{who} does not find {name} by its name.",
    source="Docker manual, bridge network driver: differences to the default bridge",
)
def name_unknown(
    *, topic: str, who: str, name: str, lookup: Lookup, container: DockerContainer, control: Lookup
) -> Judgement:
    """Holds when the lookup gave no address of the container's, while the ``control`` resolved.

    The ``control`` is a name that the engine must know. Other addresses that outer name servers
    give do not matter."""
    found = set(lookup.addresses) & set(container.addresses)
    if found:
        return Judgement(False, f"{name} is {lookup}")
    if control.status != NOERROR or not control.addresses:
        return Judgement(None, f"the control {control.name} was not resolved either: {control}")
    if not container.addresses:
        return Judgement(None, f"{container.name} has no address that could be found")
    return Judgement(True, f"{name} is {lookup}; the control {control.name} is {control}")


# The releases from which the engine answers SERVFAIL instead of passing such questions on.
REFUSING = ((23, 0, 11), (25, 0, 4), (26, 0, 0))
SERVFAIL = "SERVFAIL"


def refuses_outside_names(release: tuple[int, int, int]) -> bool:
    """Returns whether an engine of this ``release`` has the correction of CVE-2024-29018."""
    if release >= REFUSING[-1]:
        return True
    return any(release[:2] == first[:2] and release >= first for first in REFUSING)


@claim(
    "name.outside",
    "On the --internal network {network} nobody outside is asked for the name {name}.",
    source="moby's CVE-2024-29018: SERVFAIL since 23.0.11, 25.0.4 and 26.0; before, dropped packets",
)
def name_outside(
    *,
    network: str,
    name: str,
    lookup: Lookup,
    control: Lookup,
    engine: EngineInfo,
    inside: DockerNetwork,
    before: Firewall,
    after: Firewall,
) -> Judgement:
    """Holds when the engine's resolver says SERVFAIL itself, or its question was dropped.

    An engine from before the correction of CVE-2024-29018 gives no answer: the rules that keep the
    network in drop the question, and their counters have risen. The ``control``, a name on the
    network, must have been resolved by the same resolver."""
    if control.status != NOERROR or not control.addresses:
        return Judgement(None, f"the control {control.name} was not resolved either: {control}")
    words = f"Docker {engine.version}: {name} is {lookup}, {control.name} is {control}"
    if lookup.status == SERVFAIL:
        return Judgement(True, words)
    if lookup.status != NO_ANSWER or refuses_outside_names(engine.release):
        return Judgement(False, words)
    rise = _dropped(after, inside.link) - _dropped(before, inside.link)
    if rise <= 0:
        return Judgement(None, f"{words}; and no packet was dropped that would say why")
    return Judgement(True, f"{words}; {rise} packets were dropped on their way out")


def _dropped(firewall: Firewall, link: str) -> int:
    """Returns how many packets that came in by ``link`` were dropped by rules that name it."""
    return sum(
        rule.packets
        for rule in firewall.rules_in("filter")
        if rule.target in ("DROP", "REJECT")
        and (option := rule.match("-i")) is not None
        and not option.negated
        and option.values == (link,)
    )
