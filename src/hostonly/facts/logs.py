"""What a container's process has said so far: ``docker logs NAME``, both of its streams."""

from __future__ import annotations

from hostonly.facts.fact import Fact, NotObserved, Observed
from hostonly.facts.questions import Question
from hostonly.vantages import Result


def logs(name: str) -> Question[str]:
    """Ask for the standard output, then the standard error, of the container called ``name``."""
    return Question(("docker", "logs", name), read_logs)


def read_logs(result: Result) -> Fact[str]:
    """Read both streams of ``result``."""
    if not result.ok:
        return NotObserved(result.failure, (result,))
    return Observed(result.output, (result,))
