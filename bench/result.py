"""What a bench comes to: rows with both sides' minimum, median and maximum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """A row before it is measured: ``name`` (of ``--rows``), ``unit`` of both sides, ``what`` in one
    line, and ``goal``, the ratio ours over theirs that is not to be exceeded; None where it is only told.
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
    """The summary of ``values``, of which there is at least one."""
    return Summary(min(values), median(values), max(values))


@dataclass(frozen=True, slots=True)
class Measured:
    """A row and what was measured for it."""

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
    """A row that could not be measured, and the first line of why."""

    row: Row
    because: str


@dataclass(frozen=True, slots=True)
class BenchResult:
    """All rows in the order in which they were asked for; ``machine`` says on what, name to value."""

    machine: dict[str, str]
    rounds: int
    rows: tuple[Measured, ...]
    unmeasured: tuple[Unmeasured, ...]
    seconds: float
