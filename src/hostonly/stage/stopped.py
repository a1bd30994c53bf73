"""The error of a demo that cannot go on, with its evidence."""

from __future__ import annotations

import re
from typing import TypeVar

from hostonly.errors import HostonlyError
from hostonly.facts import Fact, NotObserved
from hostonly.vantages import TIMED_OUT, Result, Vantage, typed_on_host

T = TypeVar("T")

# Lines that docker prints after the reason, and its words for a name that a container has already.
SEE_HELP = re.compile(r"(See|Run) '.*--help'")
NAME_TAKEN = re.compile(r'The container name "/([a-zA-Z0-9_.-]+)" is already in use')


class Stopped(HostonlyError):
    """An error that stops a demo: a step failed, or something that the demo needs is not there.

    ``evidence`` shows it, and ``remedy`` says what to do next.
    """

    def __init__(
        self, what: str, evidence: tuple[Result, ...] = (), *, remedy: str | None = None
    ) -> None:
        super().__init__(what, remedy=remedy)
        self.evidence = evidence


def require(fact: Fact[T], what: str) -> T:
    """Return the value of ``fact``; ``what`` names its subject in the error.

    Raises:
        Stopped: it was not observed.
    """
    if isinstance(fact, NotObserved):
        raise Stopped(f"{what}: not observed: {fact.because}", fact.evidence)
    return fact.value


def stopped_by(vantage: Vantage, result: Result) -> Stopped:
    """Return the error of a step at ``vantage`` that did not end with status 0."""
    if result.exit == TIMED_OUT:
        return Stopped(result.failure, (result,))
    lines = [line for line in result.output.splitlines() if line.strip()]
    reason = next((each for each in reversed(lines) if not SEE_HELP.match(each)), "")
    taken = NAME_TAKEN.search(result.output)
    remedy = None
    if taken:
        removal = ("docker", "rm", "--force", taken[1])
        remedy = f"To remove that one: {typed_on_host(vantage.prompt, removal)}"
    what = f"`{result.command}` exited with {result.exit}{reason and f': {reason}'}"
    return Stopped(what, (result,), remedy=remedy)
