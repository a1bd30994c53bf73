"""The addresses that we may call: this machine's own, and those on our host-only network."""

from __future__ import annotations

import ipaddress

from hostonly.errors import UsageError, shown
from hostonly.site import Site
from hostonly.vantages.route_guard import require_host_only_route


def address_to_call(host: str, site: Site) -> str:
    """Return the IP address of ``host``: ``localhost``, a machine's name or an IP address.

    Nothing is sent, and no name is looked up.

    Raises:
        UsageError: the address is neither loopback nor on the host-only network.
        Unreachable: it is on that network, but the kernel's route does not leave by our bridge.
    """
    ours = {"localhost": "127.0.0.1"} | {each.name: each.address for each in site.machines}
    try:
        address = ipaddress.ip_address(ours.get(host, host))
    except ValueError as error:
        raise _refused(host, site) from error
    if address.is_loopback:
        return str(address)
    if address.version == 4 and address in site.bridge.network:
        require_host_only_route(str(address), site.bridge.name)
        return str(address)
    raise _refused(host, site)


def port_chosen(port: int, site: Site) -> int:
    """Return ``port``, or the port of the settings where ``port`` is 0.

    Raises:
        UsageError: there is no such port.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"--port: {port} is not allowed: a whole number from 1 to 65535")
    return port or site.hello_port


def address_and_port(target: str, site: Site) -> tuple[str, int]:
    """Return address and port of ``HOST:PORT`` or ``[ADDRESS]:PORT``, where they may be called.

    Raises:
        UsageError: ``target`` has neither form, or may not be called.
        Unreachable: the kernel's route to it does not leave by our bridge.
    """
    host, colon, port = target.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise UsageError(f"{shown(target)} is not allowed: HOST:PORT, such as 127.0.0.1:8080")
    return address_to_call(host.removeprefix("[").removesuffix("]"), site), int(port)


def _refused(host: str, site: Site) -> UsageError:
    return UsageError(
        f"{shown(host)} is not called: only this machine (localhost, 127.0.0.1, ::1) and what is on "
        f"the host-only network {site.bridge.network} ({', '.join(site.names)}, an address) are"
    )
