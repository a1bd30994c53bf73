"""Waiting until a fact is as a demo needs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from hostonly.facts import Fact, Observed
from hostonly.stage.stopped import Stopped, require
from hostonly.waiting import limit, more_patience, until

T = TypeVar("T")

# A wait ends as soon as the fact is there: this limit is for one that would last for ever.
READY_SECONDS = 300.0
POLL_SECONDS = 0.05
# A JVM listens sooner; a longer wait looks whether there is still something to wait for.
MEANWHILE_SECONDS = 1.0


def wait_until(
    look: Callable[[], Fact[T]],
    satisfied: Callable[[T], bool],
    what: str,
    *,
    seconds: float = READY_SECONDS,
    meanwhile: Callable[[], None] | None = None,
) -> Observed[T]:
    """Look again and again until ``satisfied``, and return the last fact.

    ``look`` must change nothing: readiness is seen in a listener, not by a connection, which
    HelloSocket would count. ``meanwhile`` is called once a second, and raises where there is
    nothing to wait for.

    Raises:
        Stopped: ``what`` did not come about in ``seconds``, or could not be observed.
    """
    looked = time.monotonic()

    def seen() -> Observed[T]:
        nonlocal looked
        if meanwhile is not None and time.monotonic() - looked >= MEANWHILE_SECONDS:
            meanwhile()
            looked = time.monotonic()
        fact = look()
        return Observed(require(fact, what), fact.evidence)

    last = until(seen, lambda fact: satisfied(fact.value), seconds, pause=POLL_SECONDS)
    if not satisfied(last.value):
        raise Stopped(
            f"{what}: not within {limit(seconds):.0f} s", last.evidence, remedy=more_patience()
        )
    return last
