"""Whom we may call: this machine itself, and what is on a host-only network of ours."""

from __future__ import annotations

import ipaddress

from hostonly.errors import UsageError, shown
from hostonly.site import Site
from hostonly.vantages.route_guard import require_host_only_route


def address_to_call(host: str, site: Site) -> str:
    """The address, a number, of ``host``: ``localhost``, a machine's name or a number.

    Nothing is sent, and no name is looked up.

    Raises:
        UsageError: it is neither loopback nor on the host-only network. Unreachable: it is on that
            network by its number, but the kernel's route to it does not leave by our bridge.
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
    """``port`` itself, or that of the settings where it is 0.

    Raises:
        UsageError: there is no such port.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"--port: {port} is not allowed: a whole number from 1 to 65535")
    return port or site.hello_port


def address_and_port(target: str, site: Site) -> tuple[str, int]:
    """The same for ``HOST:PORT`` or ``[ADDRESS]:PORT``. Raises UsageError also: it is neither."""
    host, colon, port = target.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise UsageError(f"{shown(target)} is not allowed: HOST:PORT, such as 127.0.0.1:8080")
    return address_to_call(host.removeprefix("[").removesuffix("]"), site), int(port)


def _refused(host: str, site: Site) -> UsageError:
    return UsageError(
        f"{shown(host)} is not called: only this machine (localhost, 127.0.0.1, ::1) and what is on "
        f"the host-only network {site.bridge.network} ({', '.join(site.names)}, an address) are"
    )
