"""The claim behind a cell of the matrix: a connection comes to what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import Way

# No way at all is an answer: what was not asked needs another word.
NOT_ASKED = Way("", "", None, None)


def leaves(way: Way | None, within: frozenset[str]) -> str | None:
    """Where a packet on this ``way`` would go instead of to an interface that is ``within`` the
    networks looked at; None where it stays within."""
    if way is None:
        return "the kernel has no route"
    if way.device not in within:
        return f"its way leaves by {way.device}{f' via {way.gateway}' if way.gateway else ''}"
    return None


@dataclass(frozen=True, slots=True)
class Aim:
    """A connection of the matrix: from a ``vantage``, called ``place``, to the ``target`` of a ``mode``,
    which is ``what`` at this ``address`` and ``port``; what is ``expected`` of it, and for which
    ``reason``. Its way must leave by an interface that is ``within`` the networks looked at, and from a
    container's gateway by one of those ``beyond``. The server greets with the name of the ``mode``.
    """

    mode: str
    target: str
    vantage: str
    place: str
    what: str
    address: str
    port: int
    expected: Outcome
    reason: str
    within: frozenset[str] = frozenset()
    beyond: frozenset[str] = frozenset()


@claim(
    "cell.{aim.mode}.{aim.target}.{aim.vantage}",
    "From {aim.place}, {aim.what} ({aim.address}:{aim.port}): {aim.expected}.",
    source="hostonly/checks/matrix/expectations.toml",
)
def cell(
    *,
    aim: Aim,
    way: Way | None,
    onward: Way | None = NOT_ASKED,
    reach: Reach | None = None,
    control: Reach | None = None,
    witness: Reach | None = None,
) -> Judgement:
    """Holds when the connection came to what is expected.

    A ``way`` that is not within is NO ROUTE, and nothing is sent on it; likewise the way ``onward``
    from a container's gateway that is not within those beyond. An answer counts when it
    is the mode's greeting. What is not answered counts only when the ``control``, the same
    probe from the same place to something that must answer, was, and when the ``witness``, the
    server asked in its own network, is alive.
    """
    expected, reason = aim.expected, aim.reason
    astray = leaves(way, aim.within)
    if astray is not None:
        return Judgement(
            expected is Outcome.NO_ROUTE, _why(expected, Outcome.NO_ROUTE, reason, astray)
        )
    if onward is not NOT_ASKED:
        astray = leaves(onward, aim.beyond)
        if astray is not None:
            why = _why(expected, Outcome.NO_ROUTE, reason, f"from its gateway {astray}")
            return Judgement(expected is Outcome.NO_ROUTE, why)
    if reach is None:
        return Judgement(None, "nothing was sent")
    if reach.outcome is Outcome.ANSWERS:
        greeting = reach.greeting
        if greeting is None or greeting.name != aim.mode:
            return Judgement(False, f"somebody else answers: {reach.said.strip()!r}")
        return Judgement(
            expected is Outcome.ANSWERS, _why(expected, reach.outcome, reason, reach.said.strip())
        )
    if witness is None or witness.outcome is not Outcome.ANSWERS:
        return Judgement(None, f"{reach}, but the server does not answer itself either: {witness}")
    if control is None or control.outcome is not Outcome.ANSWERS:
        return Judgement(None, f"{reach}, but the control was not answered either: {control}")
    return Judgement(
        reach.outcome is expected, _why(expected, reach.outcome, reason, "the control was answered")
    )


def _why(expected: Outcome, observed: Outcome, reason: str, seen: str) -> str:
    if observed is expected:
        return f"{reason} ({seen})"
    return f"it is {observed}: {seen}; expected was {expected}, since {reason}"
