"""The kinds of values: an address, a bridge's name, a port, an image's name.

Each is checked where it enters. The words of the error stand next to the check.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated

from pydantic import BeforeValidator, Field

# Ranges that belong to nobody on the internet: traffic of this machine to them is local. Loopback,
# link-local, multicast and 0/8 are not among them.
LOCAL_RANGES = tuple(
    IPv4Network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "192.0.2.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
    )
)

# Interfaces that belong to others, and two words that /proc/sys/net means otherwise.
FOREIGN_INTERFACE = re.compile(
    r"lo|all|default|(docker|lxcbr|lxdbr|virbr|vboxnet|eth|wlan|tun|tap|wg)[0-9]+"
    r"|(en|wl)[opsx][0-9a-z]*|br-.*|veth.*"
)


def _interface(value: object) -> IPv4Interface:
    if isinstance(value, IPv4Interface):
        found = value
    elif isinstance(value, str) and re.fullmatch(r"[0-9.]{7,15}/[0-9]{1,2}", value):
        found = IPv4Interface(value)
    else:
        raise ValueError("no address with a prefix length")
    # /29 still has room for the host and two sandboxes; more than /16 swallows other networks.
    if not 16 <= found.network.prefixlen <= 29:
        raise ValueError("prefix length")
    if found.ip in (found.network.network_address, found.network.broadcast_address):
        raise ValueError("no host's address")
    if not any(found.network.subnet_of(local) for local in LOCAL_RANGES):
        raise ValueError("not a private range")
    return found


def _address(value: object) -> IPv4Address:
    if isinstance(value, IPv4Address) and not isinstance(value, IPv4Interface):
        return value
    if not isinstance(value, str):
        raise ValueError("no address")
    return IPv4Address(value)


def _bridge(value: object) -> str:
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[a-z][a-z0-9-]{0,14}", value)
        or FOREIGN_INTERFACE.fullmatch(value)
    ):
        raise ValueError("no name for a bridge")
    return value


def _shaped(pattern: str) -> Callable[[object], str]:
    """Return a validator for texts that match ``pattern`` whole; pydantic's own imports slowly."""

    def check(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError("shape")
        return value

    return check


INTERFACE_ALLOWED = (
    "the host's IPv4 address on the bridge with its prefix length (/16 to /29), in a private "
    "range, and not the range's first or last address, such as "
)
ADDRESS_ALLOWED = "an IPv4 address in the range of network.host, such as "
BRIDGE_ALLOWED = (
    "at most 15 of a-z, 0-9 and -, beginning with a letter, and no name that others use "
    "(docker0, lxcbr0, eth0, ...)"
)
PORT_ALLOWED = "a whole number from 1 to 65535, other than 22 (ssh) and the other ports"
# Ports below 1024 are root's, and HelloSocket is an ordinary user: with the sandbox's own network,
# as in host mode, it could not listen there.
USER_PORT_ALLOWED = "a whole number from 1024 to 65535, other than the other ports"

Interface = Annotated[IPv4Interface, BeforeValidator(_interface)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
Bridge = Annotated[str, BeforeValidator(_bridge)]
Port = Annotated[int, Field(ge=1, le=65535, description=PORT_ALLOWED)]
UserPort = Annotated[int, Field(ge=1024, le=65535, description=USER_PORT_ALLOWED)]
Hostname = Annotated[str, BeforeValidator(_shaped(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"))]
# No dash: a provider's name for a machine is split at its last one. `host`, `localhost`: this
# machine.
MachineName = Annotated[str, BeforeValidator(_shaped(r"(?!(?:local)?host$)[a-z][a-z0-9]{0,15}"))]
# The grammar of a Docker repository, without the registry in front and the tag behind.
Repository = Annotated[
    str,
    BeforeValidator(
        _shaped(
            r"(?=.{1,128}\Z)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
        )
    ),
]
# The grammar of an image's reference: registry, repository, tag and digest; or empty.
BaseReference = Annotated[
    str,
    BeforeValidator(
        _shaped(
            r"(?=.{0,300}\Z)(([a-zA-Z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*"
            r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?)?"
        )
    ),
]
