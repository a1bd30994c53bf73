"""What a container's process has said so far: ``docker logs NAME``, both of its streams."""

from __future__ import annotations

from hostonly.errors import Unreachable
from hostonly.facts.fact import Fact, NotObserved, Observed
from hostonly.vantages import Vantage


def observe_logs(sandbox: Vantage, name: str) -> Fact[str]:
    """Standard output and standard error of the container called ``name``, in that order."""
    try:
        result = sandbox.run(["docker", "logs", name])
    except Unreachable as error:
        return NotObserved(str(error))
    if not result.ok:
        return NotObserved(result.failure, (result,))
    return Observed(result.output, (result,))
