"""Claims about the network that a container is on: its driver, interfaces, addresses, gateway."""

from __future__ import annotations

from ipaddress import IPv4Interface

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.docker import DockerNetwork
from hostonly.facts.interfaces import Interface
from hostonly.facts.routes import Route

LOOPBACK = "lo"


def addresses_v4(interface: Interface) -> tuple[IPv4Interface, ...]:
    """Returns the IPv4 addresses of ``interface``, with their prefixes."""
    values = [address.value for address in interface.addresses]
    return tuple(value for value in values if isinstance(value, IPv4Interface))


@claim(
    "network.driver",
    "The network {name} is made by the driver {driver}.",
    source="Tutorial, bridge networking: docker network inspect",
)
def network_driver(*, name: str, driver: str, network: DockerNetwork) -> Judgement:
    """Holds when the engine says that ``driver`` made the network."""
    return Judgement(network.driver == driver, f"{name} is made by {network.driver}")


@claim(
    "interfaces.one",
    "The container has exactly one interface besides lo.",
    source="Tutorial, bridge networking: docker exec … ip addr",
)
def interfaces_one(*, container: tuple[Interface, ...]) -> Judgement:
    """Holds when the container's namespace has lo and one other interface, which is up."""
    names = [interface.name for interface in container]
    others = [interface for interface in container if interface.name != LOOPBACK]
    if LOOPBACK not in names or len(others) != 1:
        return Judgement(False, f"it lists {', '.join(names)}")
    state = "up" if others[0].up else "down"
    return Judgement(others[0].up, f"it lists {', '.join(names)}; {others[0].name} is {state}")


@claim(
    "interfaces.lo",
    "The container has no interface but lo, and no address but loopback's.",
    source="Tutorial, none networking: docker exec … ip addr",
)
def interfaces_lo(*, container: tuple[Interface, ...]) -> Judgement:
    """Holds when the container's namespace has lo alone, with addresses of loopback only."""
    names = ", ".join(interface.name for interface in container)
    foreign = [
        address.interface
        for interface in container
        for address in interface.addresses
        if not address.value.ip.is_loopback
    ]
    alone = [interface.name for interface in container] == [LOOPBACK]
    return Judgement(alone and not foreign, f"it lists {' '.join([names, *foreign]) or 'nothing'}")


@claim(
    "address.subnet",
    "The container's address is in {link}'s subnet, and its gateway is {link}'s own address.",
    source="Tutorial, bridge networking: docker network inspect, ip addr",
)
def address_subnet(
    *,
    link: str,
    container: tuple[Interface, ...],
    routes: tuple[Route, ...],
    sandbox: tuple[Interface, ...],
) -> Judgement:
    """Holds when the container's one IPv4 address outside loopback is in the subnet of ``link``.

    ``link`` is an interface of the sandbox's. It must have another address there, and the
    container's one default route must go to an address of it."""
    bridge = next((each for each in sandbox if each.name == link), None)
    if bridge is None:
        return Judgement(False, f"the sandbox has no interface {link}")
    here = addresses_v4(bridge)
    inside = [a for each in container if each.name != LOOPBACK for a in addresses_v4(each)]
    gateways = [route.gateway for route in routes if route.is_default]
    found = (
        f"the container has {_listed(inside)} and the gateway {_listed(gateways)},"
        f" {link} has {_listed(here)}"
    )
    if len(inside) != 1 or len(gateways) != 1:
        return Judgement(False, found)
    own = {address.ip for address in here}
    in_subnet = inside[0].ip not in own and any(inside[0].ip in each.network for each in here)
    return Judgement(in_subnet and gateways[0] in {str(ip) for ip in own}, found)


def _listed(values: list[IPv4Interface] | list[str | None] | tuple[IPv4Interface, ...]) -> str:
    return ", ".join(str(value) for value in values) or "none"
