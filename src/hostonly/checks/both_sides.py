"""Questions to the host and the sandbox at once, where the sandbox may be asked at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from hostonly.claims.sandbox import route_host_only, sandbox_running
from hostonly.facts import (
    Fact,
    NotObserved,
    Observed,
    Question,
    observe,
    observe_all,
    select,
    together,
)
from hostonly.facts.batch import COMMAND_SECONDS
from hostonly.facts.routes import route_to, routes
from hostonly.sandbox.machine import Machine
from hostonly.stage.judge import Judge
from hostonly.vantages import Vantage

Questions: TypeAlias = Mapping[str, Question[Any]]
Facts: TypeAlias = dict[str, Fact[Any]]


def judge_the_way(claims: Judge, host: Vantage, machine: Machine) -> str | None:
    """Judge that ``machine`` runs and that the host's way to it is its bridge's.

    Return why it may not or cannot be asked; None where it can.
    """
    bridge, state = machine.site.bridge, machine.observed_state()
    way, known = observe(host, route_to(machine.address)), observe(host, routes())
    claims.judge(sandbox_running, {"machine": machine.name}, state=state)
    about: dict[str, object] = {
        "address": machine.address,
        "bridge": bridge.name,
        "source": str(bridge.address.ip),
    }
    claims.judge(route_host_only, about, way=way, routes=known)
    return why_not_look(state, way, bridge.name)


def why_not_look(state: Fact[str], way: Fact[Any], bridge: str) -> str | None:
    """Return why the sandbox may not or cannot be asked; None where it can."""
    if isinstance(way, NotObserved):
        return f"nothing was sent: {way.because}"
    direct = way.value and (way.value.device, way.value.gateway, way.value.kind)
    if direct != (bridge, None, "unicast"):
        return f"nothing was sent, since the way does not lead directly by {bridge}"
    if isinstance(state, Observed) and state.value != "running":
        return f"nothing was sent, since the sandbox is {state.value.replace('_', ' ')}"
    return None


def look_from_both(
    host: Vantage,
    outside: Questions,
    sandbox: Vantage,
    inside: Questions,
    closed: str | None,
    *,
    root: Sequence[str] = (),
    timeout: float = COMMAND_SECONDS,
) -> tuple[Facts, Facts]:
    """Ask the host and the sandbox, in a round trip each, at the same time; return both's facts.

    With ``closed``, a reason, nobody is asked, and no fact is observed. ``root`` is what the host
    writes before a command that only root may run; ``timeout`` is each command's, in seconds."""
    if closed is not None:
        nothing = NotObserved(closed)
        return dict.fromkeys(outside, nothing), dict.fromkeys(inside, nothing)
    with ThreadPoolExecutor(1) as pool:
        # The host looks while the connection to the sandbox is being made.
        from_host = pool.submit(observe_all, host, outside, root=root, timeout=timeout)
        from_inside = observe_all(sandbox, inside, timeout=timeout)
        return from_host.result(), from_inside


def by_name(names: Fact[tuple[str, ...]], facts: Facts, key: str) -> Fact[Any]:
    """Return the facts under ``key``, filled with each of the ``names``, as one mapping by name."""
    if isinstance(names, NotObserved):
        return names
    return select(
        together([facts[key.format(name)] for name in names.value]),
        lambda values: dict(zip(names.value, values, strict=True)),
    )
