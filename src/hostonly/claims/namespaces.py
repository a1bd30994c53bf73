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
    """Holds when the inits of the container and of the sandbox are in one network namespace."""
    if container == sandbox:
        return Judgement(True, f"both are in {sandbox}")
    return Judgement(False, f"the container is in {container}, the sandbox in {sandbox}")


@claim(
    "namespace.own",
    "The container has a network namespace of its own.",
    source="Tutorial, bridge and none networking; namespaces(7)",
)
def namespace_own(*, container: NetworkNamespace, sandbox: NetworkNamespace) -> Judgement:
    """Holds when the inits of the container and of the sandbox are in two network namespaces."""
    return Judgement(
        container != sandbox, f"the container is in {container}, the sandbox in {sandbox}"
    )


@claim(
    "namespace.joined",
    "{first} and {second} are in one network namespace, which is not the sandbox's.",
    source="Tutorial, container networking; namespaces(7)",
)
def namespace_joined(
    *,
    first: str,
    second: str,
    one: NetworkNamespace,
    other: NetworkNamespace,
    sandbox: NetworkNamespace,
) -> Judgement:
    """Holds when both containers' inits are in one namespace, and the sandbox's in another."""
    found = f"{first} is in {one}, {second} in {other}, the sandbox in {sandbox}"
    return Judgement(one == other != sandbox, found)


@claim(
    "interfaces.same",
    "The interfaces that the container lists are exactly the sandbox's.",
    source="Tutorial, host networking: docker exec … ip addr",
)
def interfaces_same(
    *, container: tuple[Interface, ...], sandbox: tuple[Interface, ...]
) -> Judgement:
    """Holds when number, name, MAC and addresses of all interfaces are the same on both sides."""
    return _same(container, sandbox, ("the container", "the sandbox"))


@claim(
    "interfaces.joined",
    "The interfaces that {second} lists are exactly those of {first}.",
    source="Tutorial, container networking; docker-run(1), --network container:NAME",
)
def interfaces_joined(
    *, first: str, second: str, one: tuple[Interface, ...], other: tuple[Interface, ...]
) -> Judgement:
    """Holds when number, name, MAC and addresses of all interfaces are the same in both."""
    return _same(one, other, (first, second))


def _same(
    one: tuple[Interface, ...], other: tuple[Interface, ...], places: tuple[str, str]
) -> Judgement:
    here = {_identity(interface) for interface in one}
    there = {_identity(interface) for interface in other}
    if here == there:
        return Judgement(True, f"both list {', '.join(i.name for i in other)}")
    differences = [
        f"only {place} lists {index}: {name} {mac} {' '.join(sorted(addresses))}".rstrip()
        for place, only in zip(places, (here - there, there - here), strict=True)
        for index, name, mac, addresses in sorted(only, key=lambda identity: identity[0])
    ]
    return Judgement(False, "; ".join(differences))


def _identity(interface: Interface) -> tuple[int, str, str, frozenset[str]]:
    addresses = frozenset(address.interface for address in interface.addresses)
    return interface.index, interface.name, interface.mac, addresses
