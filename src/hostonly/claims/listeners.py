"""Claims about who listens on a port. A listener is named by its process: newer engines let
dockerd itself hold a published port's socket, so that "somebody listens" says nothing.
"""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.listeners import Listener, on_port


@claim(
    "listener.process",
    "Port {port} on the sandbox is listened on by {process}, not by docker-proxy.",
    source="Tutorial, host networking: netstat -tlnp; ss(8)",
)
def listener_process(*, port: int, process: str, listeners: tuple[Listener, ...]) -> Judgement:
    """Holds when something listens on ``port``, and every process that does is ``process``.

    Undecided where a socket names no process: the kernel's own, or one that we may not see.
    """
    here = on_port(listeners, port)
    if not here:
        return Judgement(False, f"nothing listens on {port}")
    named = dict.fromkeys(f"{h.name} (pid {h.pid})" for each in here for h in each.holders)
    if any(holder.name != process for each in here for holder in each.holders):
        return Judgement(False, f"{port} is listened on by {', '.join(named)}")
    if any(not each.holders for each in here):
        return Judgement(None, f"a socket on {port} names no process")
    return Judgement(True, f"{', '.join(named)} listens on {here[0].address}:{port}")
