"""Addresses of the host-only network that nobody has, for containers that live on it themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from hostonly.facts import observe
from hostonly.facts.neighbours import Neighbour, neighbours
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped, require
from hostonly.vantages import Vantage

# An answer on one bridge takes less than a millisecond.
PING = ("ping", "-n", "-c", "1", "-W", "0.5")


def candidates(network: IPv4Network, taken: Iterable[IPv4Address]) -> Iterator[str]:
    """The hosts' addresses of ``network`` from the top, without those ``taken`` and without the
    first, which engines before 29 make the gateway."""
    used = set(taken)
    first = int(network.network_address) + 1
    for number in range(int(network.broadcast_address) - 1, first, -1):
        if IPv4Address(number) not in used:
            yield str(IPv4Address(number))


def is_spare(address: str, device: str, neighbours: tuple[Neighbour, ...]) -> bool | None:
    """Whether no MAC is known for ``address`` on ``device``; None where nobody was asked there."""
    entry = next((n for n in neighbours if (n.address, n.device) == (address, device)), None)
    return None if entry is None else entry.mac is None


def spare_addresses(stage: Stage, asker: Vantage, device: str, count: int) -> tuple[str, ...]:
    """``count`` addresses of the host-only network that are no machine's of the settings, and for
    which nobody answers when ``asker`` asks on its ``device``; nobody remembers a MAC for them any more. To
    be asked of a sandbox that has no container of the kind itself: it would not see those of its own.

    Raises:
        Stopped: there are fewer, or it could not be found out.
    """
    site = stage.site
    found: list[str] = []
    for address in candidates(site.bridge.network, site.addresses):
        if _asked(stage, asker, address, device):
            found.append(address)
        if len(found) == count:
            return tuple(found)
    raise Stopped(f"{site.bridge.network} has {len(found)} spare addresses, and {count} are needed")


def _asked(stage: Stage, asker: Vantage, address: str, device: str) -> bool:
    """Whether ``address`` is spare. Asked again where a MAC is known, which may be remembered: even
    what the kernel calls reachable can be of half a minute ago. After a flush it is an answer."""
    for _ in range(2):
        # It fails where the address is spare: what counts is whether its MAC came to be known.
        stage.step(asker, *PING, address, may_fail=True)
        known = observe(asker, neighbours())
        entries = require(known, "neighbours")
        # Whoever gets the address has another MAC than its last owner. And a question that is still open
        # would fail the first connection to it.
        stage.forget(address)
        spare = is_spare(address, device, entries)
        if spare is None:
            raise Stopped(f"nobody was asked for {address} on {device}", known.evidence)
        if spare:
            return True
    return False
