"""Judging claims: each is kept, told of at once, and explained where a connection was not answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hostonly.claims import Claim, ClaimResult
from hostonly.events import Emit
from hostonly.facts import Fact
from hostonly.results.transcript import ClaimJudged
from hostonly.stage.obstacles import explained, explained_stop
from hostonly.vantages import Result, Vantage


class Judge:
    """Holds claims against facts. ``claims`` are those that were judged, in their order."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.claims: list[ClaimResult] = []
        self._of = ""
        self._machines: tuple[Vantage, ...] = ()
        self._bridge = ""

    def of(self, machine: str) -> Judge:
        """A judge of claims about ``machine``, whose name they begin with; they are kept with ours."""
        other = Judge(self.emit)
        other.claims, other._of = self.claims, machine
        return other

    def explain_by(self, machines: Sequence[Vantage], bridge: str) -> None:
        """Look at these ``machines`` for what may have stopped a connection that is not answered from now
        on. ``bridge`` is the host's, on the host-only network."""
        self._machines, self._bridge = tuple(machines), bridge

    def judge(
        self, claim: Claim, about: dict[str, object] | None = None, **facts: Fact[Any]
    ) -> ClaimResult:
        """Hold ``claim`` against ``facts``; where it was not answered, with what may have stopped it."""
        result = claim.judge(about=about, **facts)
        return self.add(explained(result, facts.values(), self._machines, self._bridge))

    def explain_stop(self, result: ClaimResult, steps: Sequence[Result]) -> ClaimResult:
        """The ``result`` that says why it cannot go on after ``steps``, with what may have stopped a
        connection of theirs; it is not kept."""
        return explained_stop(result, steps, self._machines, self._bridge)

    def skip(
        self,
        claim: Claim,
        because: str,
        about: dict[str, object] | None = None,
        evidence: tuple[Result, ...] = (),
    ) -> ClaimResult:
        """Do not try ``claim``, ``because`` of a missing capability that the reason names and the
        ``evidence`` shows."""
        return self.add(claim.skip(because, about=about, evidence=evidence))

    def add(self, result: ClaimResult) -> ClaimResult:
        """Keep a claim that was judged, and tell of it."""
        if self._of:
            sentence = f"{self._of}: {result.sentence}"
            result = replace(result, id=f"{self._of}.{result.id}", sentence=sentence)
        self.claims.append(result)
        self.emit(ClaimJudged(result))
        return result
