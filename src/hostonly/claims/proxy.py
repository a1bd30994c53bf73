"""Claims about docker-proxy: who needs it, seen by ending it."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.reach import CONNECTED
from hostonly.facts.listeners import Listener, on_port
from hostonly.facts.reach import Outcome, Reach


@claim(
    "proxy.not-needed",
    "Without docker-proxy the host still gets `Hello {name}! (n)`: DNAT alone brings it there.",
    source="dockerd(8), --userland-proxy; the tutorial has it otherwise",
)
def proxy_not_needed(
    *, name: str, port: int, listeners: tuple[Listener, ...], answers: tuple[Reach, ...]
) -> Judgement:
    """Holds when nothing listens on ``port`` of the sandbox, and ``name`` answers the host on it."""
    if on_port(listeners, port):
        return Judgement(None, f"somebody still listens on {port}")
    if not answers:
        return Judgement(None, "nobody tried")
    greeted = all(reach.greeting and reach.greeting.name == name for reach in answers)
    said = "; ".join(str(reach) for reach in answers)
    return Judgement(greeted, f"nothing listens on {port}, and the host got: {said}")


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
    listeners: tuple[Listener, ...],
    before: tuple[Reach, ...],
    after: Reach,
    control: Reach,
) -> Judgement:
    """Holds when the same connection was answered ``before`` and is refused ``after`` docker-proxy
    was ended, while the container itself still answers the ``control``, made from elsewhere."""
    if after.outcome in CONNECTED:
        return Judgement(False, f"it still does: {after}")
    if on_port(listeners, port):
        return Judgement(None, f"somebody still listens on {port}")
    if not before or any(reach.outcome is not Outcome.ANSWERS for reach in before):
        return Judgement(None, "it was not answered before either")
    if control.outcome is not Outcome.ANSWERS:
        return Judgement(None, f"the container no longer answers at all: {control}")
    words = f"{before[-1]} before, {after} now; the container still {control}"
    return Judgement(after.outcome is Outcome.REFUSED, words)
