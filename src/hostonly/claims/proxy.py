"""Claims about who needs docker-proxy, shown by ending it.

From engine 28 on dockerd makes the socket of a published port itself, and may keep it."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.reach import CONNECTED
from hostonly.facts.listeners import ENGINE, Listener, on_port
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute


def _others(listeners: tuple[Listener, ...], port: int) -> str | None:
    """Returns who listens on ``port`` besides dockerd: docker-proxy or a stranger."""
    here = on_port(listeners, port)
    names = {holder.name for each in here for holder in each.holders} - {ENGINE}
    if any(not each.holders for each in here):
        names.add("a process that was not named")
    return ", ".join(sorted(names)) or None


@claim(
    "proxy.not-needed",
    "Without docker-proxy the host still gets `Hello {name}! (n)`: DNAT alone brings it there.",
    source="dockerd(8), --userland-proxy; the tutorial has it otherwise",
)
def proxy_not_needed(
    *, name: str, port: int, listeners: tuple[Listener, ...], answers: tuple[Reach, ...]
) -> Judgement:
    """Holds when nobody but dockerd listens on ``port``, and ``name`` answers the host there."""
    if others := _others(listeners, port):
        return Judgement(None, f"somebody still listens on {port}: {others}")
    if not answers:
        return Judgement(None, "nobody tried")
    greeted = all(reach.greeting and reach.greeting.name == name for reach in answers)
    said = "; ".join(str(reach) for reach in answers)
    holds = "only dockerd" if on_port(listeners, port) else "nothing"
    return Judgement(greeted, f"{holds} listens on {port}, and the host got: {said}")


@claim(
    "proxy.needed.{topic}",
    "Without docker-proxy {who} gets nothing from {address}:{port} any more.",
    source="dockerd(8), --userland-proxy; iptables -t nat -L OUTPUT",
)
def proxy_needed(
    *,
    topic: str,
    who: str,
    address: str,
    port: int,
    device: str,
    listeners: tuple[Listener, ...],
    before: tuple[Reach, ...],
    after: Reach,
    control: Reach,
    way: ChosenRoute | None,
) -> Judgement:
    """Holds when a connection was answered ``before`` docker-proxy ended, and refused ``after``.

    Its ``way`` must leave by ``device``, and the container must answer the ``control``, made from
    the same place. Where dockerd holds the socket, it is enough that nobody answers."""
    here = on_port(listeners, port)
    if after.outcome is Outcome.ANSWERS or (after.outcome in CONNECTED and not here):
        return Judgement(False, f"it still does: {after}")
    if others := _others(listeners, port):
        return Judgement(None, f"somebody still listens on {port}: {others}")
    if not before or any(reach.outcome is not Outcome.ANSWERS for reach in before):
        return Judgement(None, "it was not answered before either")
    if control.outcome is not Outcome.ANSWERS:
        return Judgement(None, f"the container no longer answers at all: {control}")
    if way is None or way.device != device:
        leaves = "has no way" if way is None else f"leaves by {way.device}"
        return Judgement(None, f"{after}, but the packet {leaves} where {device} was expected")
    words = f"{before[-1]} before, {after} now by way of {device}; the container still {control}"
    return Judgement(bool(here) or after.outcome is Outcome.REFUSED, words)
