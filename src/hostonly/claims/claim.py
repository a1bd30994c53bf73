"""A claim: a sentence, its source, and a pure check of the values of facts.

A claim is written as a function of fact *values*; ``Claim.judge`` takes facts. So no check sees a
fact that was not observed, and no claim holds because something is not known."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hostonly.facts import Fact, NotObserved, Unreadable
from hostonly.vantages import Result


class Verdict(enum.StrEnum):
    """The verdict on a claim, a demo or a check."""

    HOLDS = "HOLDS"
    FAILS = "FAILS"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"


VERDICTS = {True: Verdict.HOLDS, False: Verdict.FAILS, None: Verdict.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer of a check: whether the sentence ``holds``, and ``because`` of what.

    ``holds`` is None where the values do not decide (UNKNOWN); ``because`` is half a line."""

    holds: bool | None
    because: str


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A claim that was judged, with all that a report needs."""

    id: str
    sentence: str
    source: str
    verdict: Verdict
    because: str
    evidence: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence about Docker networking, with its source and its check.

    ``id`` has dots (``listener.process``). ``id`` and ``sentence`` may hold ``{placeholders}``,
    which ``judge`` fills in. ``source`` is the section that says so, of the tutorial or a manual.
    """

    id: str
    sentence: str
    source: str
    check: Callable[..., Judgement]

    def judge(self, *, about: dict[str, object] | None = None, **facts: Fact[Any]) -> ClaimResult:
        """Judges the claim by ``facts``, which have the names of the check's parameters.

        ``about`` fills in the placeholders and goes to the check as well: settings, names, expected
        numbers, which are known and not observed.

        Where a fact was not observed the verdict is UNKNOWN, and the check is not called. It is
        UNKNOWN as well where the check finds that a value cannot be read."""
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
        """Returns id and sentence with their placeholders filled in; an id has no spaces."""
        return self.id.format(**about).replace(" ", "-"), self.sentence.format(**about)

    def skip(
        self,
        because: str,
        *,
        about: dict[str, object] | None = None,
        evidence: tuple[Result, ...] = (),
    ) -> ClaimResult:
        """Returns the claim as SKIPPED, ``because`` a capability is missing.

        The reason must name the capability, and the ``evidence`` shows that it is missing."""
        about = about or {}
        id, sentence = self._filled(about)
        return ClaimResult(id, sentence, self.source, Verdict.SKIPPED, because, evidence)


def claim(id: str, sentence: str, *, source: str) -> Callable[[Callable[..., Judgement]], Claim]:
    """Makes a ``Claim`` of the check function below it."""

    def wrap(check: Callable[..., Judgement]) -> Claim:
        return Claim(id, sentence, source, check)

    return wrap


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Returns the verdict on a whole: FAILS before UNKNOWN before HOLDS; on nothing, UNKNOWN.

    SKIPPED counts as held where something else held; a whole is SKIPPED where all of it was."""
    seen = set(verdicts)
    for verdict in (Verdict.FAILS, Verdict.UNKNOWN, Verdict.HOLDS, Verdict.SKIPPED):
        if verdict in seen:
            return verdict
    return Verdict.UNKNOWN
