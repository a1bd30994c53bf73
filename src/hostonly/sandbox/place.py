"""A place for this checkout's sandboxes on this machine: names and addresses that are nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice

from hostonly.errors import Taken
from hostonly.host import bridges
from hostonly.sandbox.names import claim_name, machines
from hostonly.site import Site

# Of sandbox.name (settings/sections.py).
NAME_LENGTH = 40


@contextmanager
def proposed(site: Site) -> Iterator[None]:
    """Where something in here is somebody else's, say in one line what is free instead of all that is.

    Raises:
        Taken: it is, with the line to be typed.
    """
    try:
        yield
    except Taken as error:
        if variables := free(site):
            words = " ".join(f"{name}={value}" for name, value in variables.items())
            error.remedy = (
                f"Nothing was changed. What is free, for this shell: export {words}"
                "   For good: write the same into invoke.yaml."
            )
        raise


def free(site: Site) -> dict[str, str]:
    """For each setting whose value is somebody else's here, its variable with a value that is nobody's.

    Empty where nothing is taken, or where there are no free addresses.
    """
    found = {}
    if _name_taken(site):
        found["INVOKE_SANDBOX_NAME"] = _free_name(site)
    host_only, nat = bridges.bridges(site, site.root)
    if _taken(host_only):
        found["INVOKE_NETWORK_BRIDGE"] = bridges.free_name(host_only.name, beside=nat.name)
    if _taken(nat):
        beside = found.get("INVOKE_NETWORK_BRIDGE", host_only.name)
        found["INVOKE_NETWORK_NAT_BRIDGE"] = bridges.free_name(nat.name, beside=beside)
    network = host_only.address.network
    if bridges.conflicts(host_only):
        other = bridges.free_network(network.prefixlen, beside=[nat.address.network])
        if other is None:
            return {}
        network = other
        names = ("HOST", "SANDBOX", "SANDBOX2")
        values = dict(zip(names, map(str, islice(network.hosts(), 3)), strict=True))
        values["HOST"] += f"/{network.prefixlen}"
        found |= {f"INVOKE_NETWORK_{name}": value for name, value in values.items()}
    if bridges.conflicts(nat):
        prefix = nat.address.network.prefixlen
        other = bridges.free_network(prefix, beside=[network])
        if other is None:
            return {}
        found["INVOKE_NETWORK_NAT"] = f"{next(other.hosts())}/{prefix}"
    return found


def _taken(bridge: bridges.Bridge) -> bool:
    try:
        bridges.present(bridge)
    except Taken:
        return True
    return False


def _name_taken(site: Site) -> bool:
    try:
        for machine in machines(site):
            claim_name(site, machine)
    except Taken:
        return True
    return False


def _free_name(site: Site) -> str:
    stem = site.name
    for number in count(2):
        name = f"{stem[: NAME_LENGTH - 1 - len(str(number))].rstrip('-')}-{number}"
        section = site.sandbox.model_copy(update={"name": name})
        if not _name_taken(site.model_copy(update={"sandbox": section})):
            return name
    raise AssertionError("there is always a next number")
