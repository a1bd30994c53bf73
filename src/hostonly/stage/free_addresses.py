"""Free addresses of the host-only network, for containers that are on that network themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from hostonly.facts import observe
from hostonly.facts.neighbours import NeighbourEntry, neighbours
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped, require
from hostonly.vantages import Vantage

# An answer on one bridge takes less than a millisecond.
PING = ("ping", "-n", "-c", "1", "-W", "0.5")


def candidates(network: IPv4Network, taken: Iterable[IPv4Address]) -> Iterator[str]:
    """Yield the host addresses of ``network`` from the top that are not ``taken``.

    The first address is left out too: engines before 29 make it the gateway.
    """
    used = set(taken)
    first = int(network.network_address) + 1
    for number in range(int(network.broadcast_address) - 1, first, -1):
        if IPv4Address(number) not in used:
            yield str(IPv4Address(number))


def is_spare(address: str, device: str, neighbours: tuple[NeighbourEntry, ...]) -> bool | None:
    """Return whether no MAC is known for ``address`` on ``device``; None if none was asked for."""
    entry = next((n for n in neighbours if (n.address, n.device) == (address, device)), None)
    return None if entry is None else entry.mac is None


def spare_addresses(stage: Stage, asker: Vantage, device: str, count: int) -> tuple[str, ...]:
    """Return ``count`` free addresses of the host-only network.

    No machine of the settings has them, nobody answers when ``asker`` asks for them on its
    ``device``, and afterwards nobody remembers a MAC for them. ``asker`` must be a sandbox without
    a container of the same kind: a sandbox does not see its own macvlan or ipvlan containers.

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
    """Return whether ``address`` is spare; ask a second time where a MAC is known.

    The kernel may only remember that MAC: even an entry that it calls reachable can be half a
    minute old. A MAC that is known after a flush is an answer.
    """
    for _ in range(2):
        # ping fails where the address is spare: what counts is whether a MAC became known.
        stage.step(asker, *PING, address, may_fail=True)
        known = observe(asker, neighbours())
        entries = require(known, "neighbours")
        # The next owner of the address has another MAC than the last. And a question that is still
        # open would make the first connection to the address fail.
        stage.forget(address)
        spare = is_spare(address, device, entries)
        if spare is None:
            raise Stopped(f"nobody was asked for {address} on {device}", known.evidence)
        if spare:
            return True
    return False
