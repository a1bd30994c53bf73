"""Results of calls to HelloSocket."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """A deviation of a server from what HelloSocket promises, of a ``kind`` in one word or two.

    ``calls`` are the numbers, from 1, of the connections that showed it."""

    kind: str
    calls: tuple[int, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Called:
    """The result of some calls to HelloSocket; ``counts`` are the lowest and the highest n.

    ``seconds`` are those of the answered calls, sorted."""

    made: int
    answered: int
    counts: tuple[int, int] | None
    seconds: tuple[float, ...]
    deviations: tuple[Deviation, ...]

    def percentile(self, percent: float) -> float | None:
        """Return the seconds within which ``percent`` of the answered calls ended, or None."""
        if not self.seconds:
            return None
        return self.seconds[max(math.ceil(len(self.seconds) * percent / 100), 1) - 1]
