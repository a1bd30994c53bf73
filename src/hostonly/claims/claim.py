"""A claim: a sentence, where it comes from, the facts it needs and a pure check of their values.

A claim is written as a function of fact *values*; ``judge`` hands it facts. So no check can see a
fact that was not observed, and a claim cannot hold for want of knowledge.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hostonly.facts import Fact, NotObserved, Unreadable
from hostonly.vantages import Result


class Verdict(enum.StrEnum):
    """What became of a claim, a demo or a check."""

    HOLDS = "HOLDS"
    FAILS = "FAILS"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"


VERDICTS = {True: Verdict.HOLDS, False: Verdict.FAILS, None: Verdict.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A check's answer: whether the sentence ``holds``, and ``because`` of what, in half a line.

    ``holds`` is None where the values do not decide it: the claim is then UNKNOWN.
    """

    holds: bool | None
    because: str


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A claim after it was judged, with everything a report needs."""

    id: str
    sentence: str
    source: str
    verdict: Verdict
    because: str
    evidence: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """``id`` is dotted (``listener.process``); it and ``sentence`` may hold ``{placeholders}`` that
    ``judge`` fills in; ``source`` names the section of the tutorial or the manual that says so.
    """

    id: str
    sentence: str
    source: str
    check: Callable[..., Judgement]

    def judge(self, *, about: dict[str, object] | None = None, **facts: Fact[Any]) -> ClaimResult:
        """Hold the claim against ``facts`` (by the check's parameter names).

        ``about`` fills the sentence's placeholders and is passed to the check as well: settings,
        names, expected numbers, which are known and not observed.

        A fact that was not observed makes the claim UNKNOWN, and the check is not asked; so does
        output that turns out to be unreadable only when the check looks into it.
        """
        about = about or {}
        id, sentence = self._filled(about)
        evidence = tuple(dict.fromkeys(r for fact in facts.values() for r in fact.evidence))
        unknown = [f for f in facts.values() if isinstance(f, NotObserved)]
        if unknown:
            because = "; ".join(dict.fromkeys(f"not observed: {f.because}" for f in unknown))
            return ClaimResult(id, sentence, self.source, Verdict.UNKNOWN, because, evidence)
        values = {k: f.value for k, f in facts.items() if not isinstance(f, NotObserved)}
        try:
            judgement = self.check(**about, **values)
        except Unreadable as error:
            judgement = Judgement(None, f"not observed: cannot be read: {error}")
        verdict = VERDICTS[judgement.holds]
        return ClaimResult(id, sentence, self.source, verdict, judgement.because, evidence)

    def _filled(self, about: dict[str, object]) -> tuple[str, str]:
        """Id and sentence with their placeholders filled in; an id has no spaces."""
        return self.id.format(**about).replace(" ", "-"), self.sentence.format(**about)

    def skip(
        self,
        because: str,
        *,
        about: dict[str, object] | None = None,
        evidence: tuple[Result, ...] = (),
    ) -> ClaimResult:
        """The claim not tried, ``because`` of a missing capability, which the reason must name and
        the ``evidence`` shows."""
        about = about or {}
        id, sentence = self._filled(about)
        return ClaimResult(id, sentence, self.source, Verdict.SKIPPED, because, evidence)


def claim(id: str, sentence: str, *, source: str) -> Callable[[Callable[..., Judgement]], Claim]:
    """Make a ``Claim`` of the check function below it."""

    def wrap(check: Callable[..., Judgement]) -> Claim:
        return Claim(id, sentence, source, check)

    return wrap


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a whole: FAILS before UNKNOWN before HOLDS; nothing judged is UNKNOWN.

    SKIPPED counts as held where something else held; a whole that was only skipped is SKIPPED.
    """
    seen = set(verdicts)
    for verdict in (Verdict.FAILS, Verdict.UNKNOWN, Verdict.HOLDS, Verdict.SKIPPED):
        if verdict in seen:
            return verdict
    return Verdict.UNKNOWN
