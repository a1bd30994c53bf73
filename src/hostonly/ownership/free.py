"""A free place for this checkout's sandboxes: names and addresses that are nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from hostonly.errors import Taken
from hostonly.host import bridges
from hostonly.ownership.owners import require_ours
from hostonly.site import SANDBOX, SANDBOX2, Bridge, Site, instance_name

# Of sandbox.name (settings/sections.py).
NAME_LENGTH = 40
# So many names are tried before we give up.
NUMBERS = 1000


@contextmanager
def proposed(site: Site) -> Iterator[None]:
    """Give an error about something taken, raised in here, one line with what is free.

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
    """Return, for each setting whose value is somebody else's, its variable with a free value.

    Empty where nothing is taken, or where there are no free addresses.
    """
    found = {}
    if _name_taken(site, site.name):
        found["INVOKE_SANDBOX_NAME"] = _free_name(site)
    host_only, nat = site.bridges
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
        host, *addresses = map(str, islice(network.hosts(), 1 + len(site.machines)))
        found["INVOKE_NETWORK_HOST"] = f"{host}/{network.prefixlen}"
        found |= dict(zip(map(_variable, site.names), addresses, strict=True))
    if bridges.conflicts(nat):
        prefix = nat.address.network.prefixlen
        other = bridges.free_network(prefix, beside=[network])
        if other is None:
            return {}
        found["INVOKE_NETWORK_NAT"] = f"{next(other.hosts())}/{prefix}"
    return found


def _variable(machine: str) -> str:
    """Return the variable of the setting that gives ``machine`` its address."""
    of_network = machine in (SANDBOX, SANDBOX2)
    key = f"NETWORK_{machine}" if of_network else f"MACHINES_{machine}_ADDRESS"
    return f"INVOKE_{key.upper()}"


def _taken(bridge: Bridge) -> bool:
    try:
        bridges.present(bridge)
    except Taken:
        return True
    return False


def _name_taken(site: Site, name: str) -> bool:
    """Return whether a machine would be somebody else's if the sandboxes were called ``name``."""
    try:
        for machine in site.machines:
            called = instance_name(name, machine.name)
            folder = machine.folder.with_name(called)
            require_ours(site, replace(machine, instance=called, folder=folder))
    except Taken:
        return True
    return False


def _free_name(site: Site) -> str:
    for number in range(2, NUMBERS):
        name = f"{site.name[: NAME_LENGTH - 1 - len(str(number))].rstrip('-')}-{number}"
        if not _name_taken(site, name):
            return name
    raise Taken(f"every name from {site.name}-2 to {site.name}-{NUMBERS - 1} is somebody else's")
