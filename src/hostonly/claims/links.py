"""Claims about links beside the sandbox's own: a container's macvlan or ipvlan, and the shim.

The shim is a macvlan link that a demo gives the sandbox, so that it reaches the container."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.hello import hello_rises
from hostonly.facts.interfaces import Interface
from hostonly.facts.neighbours import NeighbourEntry
from hostonly.facts.reach import Reach
from hostonly.facts.routes import ChosenRoute


def _only_link(
    container: tuple[Interface, ...], address: str, network: str
) -> tuple[Interface | None, str]:
    """Returns the one link besides lo, which has ``address`` of ``network``; or None and why."""
    links = [interface for interface in container if interface.name != "lo"]
    if len(links) != 1:
        named = ", ".join(link.name for link in links) or "none"
        return None, f"besides lo it has {len(links)} links: {named}"
    prefix = network.partition("/")[2]
    found = [each.interface for each in links[0].addresses if each.value.version == 4]
    if found != [f"{address}/{prefix}"]:
        return None, f"its {links[0].name} has {', '.join(found) or 'no address'}"
    return links[0], ""


@claim(
    "address.own",
    "The container has {address} on {network} and a MAC of its own, which no link of the sandbox has.",
    source="Docker manual, Macvlan network driver",
)
def address_own(
    *,
    address: str,
    network: str,
    container: tuple[Interface, ...],
    sandbox: tuple[Interface, ...],
) -> Judgement:
    """Holds when the container's one link besides lo has ``address`` and a MAC of its own.

    It must be the link's only IPv4 address, with the network's prefix; no link of the sandbox may
    have the MAC."""
    link, why = _only_link(container, address, network)
    if link is None:
        return Judgement(False, why)
    same = [theirs.name for theirs in sandbox if theirs.mac == link.mac]
    if same or not link.mac:
        return Judgement(False, f"its MAC {link.mac or '(none)'} is {', '.join(same)}'s")
    return Judgement(True, f"its {link.name} has {address} and {link.mac}")


@claim(
    "address.shared-mac",
    "The container has {address} on {network} and the MAC of the sandbox's {parent}.",
    source="Docker manual, IPvlan network driver",
)
def address_shared_mac(
    *,
    address: str,
    network: str,
    parent: str,
    container: tuple[Interface, ...],
    sandbox: tuple[Interface, ...],
) -> Judgement:
    """Holds when the container's one link besides lo has ``address`` and the MAC of ``parent``.

    It must be the link's only IPv4 address, with the network's prefix."""
    link, why = _only_link(container, address, network)
    if link is None:
        return Judgement(False, why)
    above = next((theirs for theirs in sandbox if theirs.name == parent), None)
    if above is None:
        return Judgement(None, f"the sandbox has no {parent}")
    if link.mac != above.mac:
        return Judgement(False, f"its {link.name} has {link.mac}, {parent} has {above.mac}")
    return Judgement(True, f"its {link.name} has {address} and {parent}'s {link.mac}")


@claim(
    "neighbour.{place}",
    "The {place} knows {address} by the MAC of the container's own link, on {device}.",
    source="ip-neighbour(8); RFC 826",
)
def neighbour_known(
    *,
    place: str,
    address: str,
    device: str,
    neighbours: tuple[NeighbourEntry, ...],
    container: tuple[Interface, ...],
) -> Judgement:
    """Holds when the neighbour table has ``address`` on ``device`` with a MAC of the container's.

    Another claim says whether somebody else has that MAC too."""
    entry = next((n for n in neighbours if (n.address, n.device) == (address, device)), None)
    if entry is None or entry.mac is None:
        states = "" if entry is None else f" ({', '.join(sorted(entry.states))})"
        return Judgement(False, f"it knows no MAC of {address} on {device}{states}")
    links = {link.mac: link.name for link in container if link.name != "lo"}
    if entry.mac not in links:
        return Judgement(False, f"{address} is {entry.mac}, the container has {', '.join(links)}")
    return Judgement(True, f"{address} is {entry.mac}, the container's {links[entry.mac]}")


@claim(
    "shim.reaches",
    "With the shim {shim} the sandbox gets `Hello {name}! (n)` from {address}:{port}.",
    source="ip-link(8): macvlan mode bridge: links on one parent reach each other",
)
def shim_reaches(
    *,
    shim: str,
    name: str,
    address: str,
    port: int,
    answers: tuple[Reach, ...],
    way: ChosenRoute | None,
) -> Judgement:
    """Holds when the sandbox's route to the container leaves by the shim, and the server answers.

    At least two connections in a row must be answered, with a count that rises by one."""
    if way is None or way.device != shim:
        found = "there is none" if way is None else f"it leaves by {way.device}"
        return Judgement(False, f"the route to {address} is not by {shim}: {found}")
    said = hello_rises.check(
        place="sandbox", name=name, address=address, port=port, answers=answers
    )
    return Judgement(said.holds, f"by {shim}: {said.because}")


@claim(
    "shim.gone",
    "The shim {shim} is gone, and the route to {address} leaves by {device} again.",
    source="ip-link(8): a link takes its addresses and routes with it",
)
def shim_gone(
    *, shim: str, address: str, device: str, sandbox: tuple[Interface, ...], way: ChosenRoute | None
) -> Judgement:
    """Holds when the sandbox has no link called ``shim``, and its route leaves by ``device``."""
    if any(link.name == shim for link in sandbox):
        return Judgement(False, f"the sandbox still has {shim}")
    if way is None or way.device != device:
        found = "there is none" if way is None else f"it leaves by {way.device}"
        return Judgement(False, f"the route to {address} is not by {device}: {found}")
    return Judgement(True, f"the sandbox has {', '.join(link.name for link in sandbox)}")
