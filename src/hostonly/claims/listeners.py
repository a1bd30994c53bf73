"""Claims about which process listens on a port.

The process is named because newer engines let dockerd itself hold the socket of a published port:
"somebody listens" says nothing."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.engine import EngineInfo
from hostonly.facts.listeners import ENGINE, PROXY, Listener, on_port

# dockerd makes the socket from then on, and gives it to docker-proxy or keeps it.
HELD_BY_ENGINE = (28, 0, 0)


@claim(
    "listener.process",
    "Port {port} on the sandbox is listened on by {process}, not by docker-proxy.",
    source="Tutorial, host networking: netstat -tlnp; ss(8)",
)
def listener_process(*, port: int, process: str, listeners: tuple[Listener, ...]) -> Judgement:
    """Holds when something listens on ``port``, and every process that does is ``process``.

    UNKNOWN where a socket names no process: it is the kernel's own, or one that we may not see."""
    return _held_by(port, {process}, listeners)


@claim(
    "listener.published",
    "Port {port} on the sandbox is held by docker-proxy or, from engine 28 on, by dockerd, and by"
    " nothing else.",
    source="Tutorial, bridge networking: netstat -tlnp; ss(8); Docker Engine 28.0, release notes",
)
def listener_published(
    *, port: int, engine: EngineInfo, listeners: tuple[Listener, ...]
) -> Judgement:
    """Holds when only docker-proxy listens on ``port`` or, from engine 28 on, dockerd.

    UNKNOWN where a socket names no process."""
    own = {ENGINE} if engine.release >= HELD_BY_ENGINE else set()
    return _held_by(port, {PROXY, *own}, listeners)


@claim(
    "listener.none",
    "Nothing listens on port {port} of the sandbox.",
    source="Tutorial, bridge networking: netstat -tlnp; ss(8)",
)
def listener_none(*, port: int, listeners: tuple[Listener, ...]) -> Judgement:
    """Holds when no socket of the sandbox's own network listens on ``port``, on any address."""
    here = on_port(listeners, port)
    if here:
        return Judgement(False, f"{port} is listened on by {_named(here) or 'an unnamed process'}")
    return Judgement(True, f"{len(listeners)} sockets listen, none of them on {port}")


def _held_by(port: int, processes: set[str], listeners: tuple[Listener, ...]) -> Judgement:
    here = on_port(listeners, port)
    if not here:
        return Judgement(False, f"nothing listens on {port}")
    if any(holder.name not in processes for each in here for holder in each.holders):
        return Judgement(False, f"{port} is listened on by {_named(here)}")
    if any(not each.holders for each in here):
        return Judgement(None, f"a socket on {port} names no process")
    return Judgement(True, f"{_named(here)} listens on {here[0].address}:{port}")


def _named(listeners: tuple[Listener, ...]) -> str:
    holders = (holder for each in listeners for holder in each.holders)
    return ", ".join(dict.fromkeys(f"{holder.name} (pid {holder.pid})" for holder in holders))
