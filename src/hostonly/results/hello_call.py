"""What calls to HelloSocket came to."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that HelloSocket does not do. ``kind`` is one word or two, ``calls`` are the
    numbers, from 1, of the connections that it was seen on."""

    kind: str
    calls: tuple[int, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Called:
    """What became of some calls. ``seconds`` are those of the answered ones, sorted; ``counts``
    the first and the last n among them."""

    made: int
    answered: int
    counts: tuple[int, int] | None
    seconds: tuple[float, ...]
    deviations: tuple[Deviation, ...]

    def percentile(self, percent: float) -> float | None:
        """The time within which ``percent`` of the answered calls ended; None without any."""
        if not self.seconds:
            return None
        return self.seconds[max(math.ceil(len(self.seconds) * percent / 100), 1) - 1]
