"""Judging claims: each is kept and emitted, and explained where a connection was not answered."""

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
    """A judge of claims against facts; ``claims`` are the results so far, in their order."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.claims: list[ClaimResult] = []
        self._of = ""
        self._machines: tuple[Vantage, ...] = ()
        self._bridge = ""

    def of(self, machine: str) -> Judge:
        """Return a judge whose claims begin with the name of ``machine`` and are kept with ours."""
        other = Judge(self.emit)
        other.claims, other._of = self.claims, machine
        return other

    def explain_by(self, machines: Sequence[Vantage], bridge: str) -> None:
        """Look for obstacles on ``machines``, and at the host's ``bridge``, from now on."""
        self._machines, self._bridge = tuple(machines), bridge

    def judge(
        self, claim: Claim, about: dict[str, object] | None = None, **facts: Fact[Any]
    ) -> ClaimResult:
        """Hold ``claim`` against ``facts``; name obstacles where a connection was not answered."""
        result = claim.judge(about=about, **facts)
        return self.add(explained(result, facts.values(), self._machines, self._bridge))

    def explain_stop(self, result: ClaimResult, steps: Sequence[Result]) -> ClaimResult:
        """Return ``result``, of a demo stopped after ``steps``, with obstacles; it is not kept."""
        return explained_stop(result, steps, self._machines, self._bridge)

    def skip(
        self,
        claim: Claim,
        because: str,
        about: dict[str, object] | None = None,
        evidence: tuple[Result, ...] = (),
    ) -> ClaimResult:
        """Skip ``claim``: ``because`` names the missing capability, and ``evidence`` shows it."""
        return self.add(claim.skip(because, about=about, evidence=evidence))

    def add(self, result: ClaimResult) -> ClaimResult:
        """Keep ``result`` and emit it."""
        if self._of:
            sentence = f"{self._of}: {result.sentence}"
            result = replace(result, id=f"{self._of}.{result.id}", sentence=sentence)
        self.claims.append(result)
        self.emit(ClaimJudged(result))
        return result
