"""The gossip of a swarm's engines on port 7946: ending it where an engine has left its swarm.

An engine that leaves tells the others by gossip and allows one second for that. If it takes longer
(the machine is busy, or the other engine left at the same moment) the engine logs ``Could not close
DB: timeout waiting for leave broadcast`` and goes on to listen, with the keys of the swarm that it
left, until it is restarted. ``docker info`` says that it is in no swarm; in the next swarm it finds
no other engine. Seen with Docker 20.10.24.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Emit, Started, Warned
from hostonly.facts import NotObserved, observe, settled
from hostonly.facts.listeners import ENGINE, Listener, listeners
from hostonly.stage.leftovers import SWARM_STATE
from hostonly.vantages import Result, Vantage, shown

PORT = 7946
RESTART = ("sudo", "systemctl", "restart", "docker")
# Time that gossip is given to end by itself.
SECONDS = 10.0
# Names travel by gossip from one engine to the other. Where packets were lost, the engines compare
# all that they know every half minute: this is time for three comparisons.
SYNC_SECONDS = 100.0
# An engine that reached no other when it joined tries again after a minute: time for two tries.
REJOIN_SECONDS = 150.0


def end(
    sandbox: Vantage, run: Callable[..., object], emit: Emit, *, seconds: float = SECONDS
) -> None:
    """Make the engine of ``sandbox`` end its gossip, where it is in no swarm.

    It gets ``seconds`` to end by itself, then it is restarted by ``run``, the stage's step.

    Raises:
        hostonly.errors.HostonlyError: the engine was not observed, or a restart would end
            containers that run there.
    """
    if _told(sandbox, SWARM_STATE) != ["inactive"]:
        # It is in a swarm that somebody else made: its gossip is not ours to end.
        return
    seen = observe(sandbox, listeners())
    if isinstance(seen, NotObserved) or not _silent(seen.value):
        emit(Started(f"waiting for the engine of {sandbox.name} to end its gossip (tcp/{PORT})"))
        seen = settled(lambda: observe(sandbox, listeners()), _silent, seconds=seconds)
    if isinstance(seen, NotObserved):
        raise HostonlyError(
            f"whether the engine of {sandbox.name} still gossips was not observed: {seen.because}"
        )
    if _silent(seen.value):
        return
    restart(sandbox, f"still listens on {PORT}", seen.evidence[0], run, emit)


def restart(
    sandbox: Vantage, still: str, evidence: Result, run: Callable[..., object], emit: Emit
) -> None:
    """Restart the engine of ``sandbox`` by ``run``: it is in no swarm but still acts as in one.

    ``still`` says what it still does, and ``evidence`` shows that.

    Raises:
        hostonly.errors.HostonlyError: a restart would end containers that run there.
    """
    left = f"the engine of {sandbox.name} is in no swarm and {still}"
    running = _told(sandbox, ["docker", "ps", "--format", "{{.Names}}"])
    if running:
        raise HostonlyError(
            f"{left}; a restart would end {', '.join(running)}, which are not the demo's",
            ran=evidence.command,
            output=evidence.output,
            remedy=f"stop them, then run on the {sandbox.name}: {shown(RESTART)}",
        )
    emit(Warned(f"{left} (docs/demo-overlay.md): restarting it"))
    run(sandbox, *RESTART)


def _silent(listeners: Sequence[Listener]) -> bool:
    return not any(
        each.port == PORT and any(holder.name == ENGINE for holder in each.holders)
        for each in listeners
    )


def _told(sandbox: Vantage, command: list[str]) -> list[str]:
    result = sandbox.run(command)
    if not result.ok:
        raise ToolFailed("the engine does not tell", ran=result.command, output=result.output)
    return result.stdout.split()
