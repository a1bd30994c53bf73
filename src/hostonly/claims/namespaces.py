"""Claims about which network namespace a container is in."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.interfaces import Interface
from hostonly.facts.namespaces import NetworkNamespace


@claim(
    "namespace.shared",
    "The container shares the sandbox's network namespace.",
    source="Tutorial, host networking; namespaces(7)",
)
def namespace_shared(*, container: NetworkNamespace, sandbox: NetworkNamespace) -> Judgement:
    """Holds when the links of the container's init and of the sandbox's init read the same."""
    if container == sandbox:
        return Judgement(True, f"both are in {sandbox}")
    return Judgement(False, f"the container is in {container}, the sandbox in {sandbox}")


@claim(
    "interfaces.same",
    "The interfaces that the container lists are exactly the sandbox's.",
    source="Tutorial, host networking: docker exec … ip addr",
)
def interfaces_same(
    *, container: tuple[Interface, ...], sandbox: tuple[Interface, ...]
) -> Judgement:
    """Holds when number, name, MAC and addresses of all interfaces are the same on both sides."""
    inside = {_identity(interface) for interface in container}
    outside = {_identity(interface) for interface in sandbox}
    if inside == outside:
        return Judgement(True, f"both list {', '.join(i.name for i in sandbox)}")
    differences = [
        f"only the {side} lists {index}: {name} {mac} {' '.join(sorted(addresses))}".rstrip()
        for side, only in (("container", inside - outside), ("sandbox", outside - inside))
        for index, name, mac, addresses in sorted(only, key=lambda identity: identity[0])
    ]
    return Judgement(False, "; ".join(differences))


def _identity(interface: Interface) -> tuple[int, str, str, frozenset[str]]:
    addresses = frozenset(address.interface for address in interface.addresses)
    return interface.index, interface.name, interface.mac, addresses
