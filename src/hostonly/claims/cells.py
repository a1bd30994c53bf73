"""The claim about one cell of the matrix: a connection has the outcome that is expected."""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute

# No way at all is an answer: what was not asked needs another word.
NOT_ASKED = ChosenRoute("", "", None, None)


def leaves(way: ChosenRoute | None, within: frozenset[str]) -> str | None:
    """Returns, in words, where a packet on this ``way`` leaves the networks that are looked at.

    ``within`` are the interfaces of these networks. None means that the packet stays in them."""
    if way is None:
        return "the kernel has no route"
    if way.device not in within:
        return f"its way leaves by {way.device}{f' via {way.gateway}' if way.gateway else ''}"
    return None


@dataclass(frozen=True, slots=True)
class Aim:
    """A connection of the matrix, and the outcome that is ``expected`` for this ``reason``.

    It goes from a ``vantage``, which reports call ``place``, to the ``target`` of a ``mode``, which
    they call ``what``. Its way must leave by an interface in ``within``, and from a container's
    gateway by one in ``beyond``. The server greets with the name of the ``mode``."""

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
    way: ChosenRoute | None,
    onward: ChosenRoute | None = NOT_ASKED,
    reach: Reach | None = None,
    control: Reach | None = None,
    witness: Reach | None = None,
) -> Judgement:
    """Holds when the connection has the expected outcome.

    The outcome is NO ROUTE, and nothing is sent, where ``way`` leaves by no interface in
    ``within``, or the way ``onward`` from a container's gateway by none in ``beyond``. An answer
    counts when it is the mode's greeting. No answer counts only when the ``control`` (the same
    probe from the same place to a target that must answer) was answered, and the ``witness`` (the
    server, asked in its own network) is alive."""
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
