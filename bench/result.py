"""The result of a bench: rows with both sides' minimum, median and maximum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """A row before it is measured.

    ``name`` is that of ``--rows``, ``unit`` that of both sides, ``what`` one line about it, and
    ``goal`` the ratio ours over theirs that must not be exceeded; None where there is no goal.
    """

    name: str
    unit: str
    what: str
    goal: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The values of one side, in the row's unit."""

    min: float
    median: float
    max: float


def summary(values: Sequence[float]) -> Summary:
    """Return the summary of ``values``, of which there is at least one."""
    return Summary(min(values), median(values), max(values))


@dataclass(frozen=True, slots=True)
class Measured:
    """A row and both sides' values."""

    row: Row
    ours: Summary
    theirs: Summary

    @property
    def ratio(self) -> float:
        """Our median over theirs."""
        return self.ours.median / self.theirs.median

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.row.goal is None else self.ratio <= self.row.goal


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A row that could not be measured, and the first line of the reason."""

    row: Row
    because: str


@dataclass(frozen=True, slots=True)
class BenchResult:
    """All rows in the order in which they were asked for; ``machine`` maps names to values."""

    machine: dict[str, str]
    rounds: int
    rows: tuple[Measured, ...]
    unmeasured: tuple[Unmeasured, ...]
    seconds: float
