"""Measuring in turns, so that other work of the machine falls on both sides."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from bench import GROUPS, machine
from bench.result import BenchResult, Measured, Row, Unmeasured, summary
from bench.workspace import Workspace
from hostonly.errors import HostonlyError, UsageError
from hostonly.events import Done, Emit, Progress, Started, Warned

ROUNDS = 5
MOST_ROUNDS = 50

# A quiet machine takes a quarter of an hour for five rounds of everything. A busy one gets three
# times as long, and does not measure the rest.
LEAST_LIMIT_SECONDS = 2700.0
ROUND_LIMIT_SECONDS = LEAST_LIMIT_SECONDS / ROUNDS

# One side of a comparison: does its work once and gives a value for each row, by name.
Side = Callable[[], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides that measure the same ``rows``. ``warm``: each is tried once before it counts."""

    rows: tuple[Row, ...]
    ours: Side
    theirs: Side
    warm: bool = True


def timed(row: str, act: Callable[[], object]) -> Side:
    """Return a side that measures the seconds that ``act`` takes."""

    def side() -> dict[str, float]:
        start = time.perf_counter()
        act()
        return {row: time.perf_counter() - start}

    return side


def limit(row: str, value: float) -> Side:
    """Return a side that is a fixed ``value``, for a row whose goal is an absolute one."""
    return lambda: {row: value}


def rows() -> dict[str, Row]:
    """Return all rows by name, in the order in which they are measured."""
    return {row.name: row for group in GROUPS for row in _module(group).ROWS}


def chosen(names: Sequence[str]) -> list[Row]:
    """Return the rows called ``names``; all where there are none.

    Raises:
        UsageError: there is no row of a name.
    """
    known = rows()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"--rows: there is no row {unknown[0][:60]!r}; there are {', '.join(known)}"
        )
    return [row for row in known.values() if not names or row.name in names]


def bench(
    workspace: Callable[[], AbstractContextManager[Workspace]],
    wanted: Sequence[Row],
    rounds: int,
    emit: Emit,
) -> BenchResult:
    """Measure the rows ``wanted``, each ``rounds`` times on both sides.

    A row that cannot be measured is reported and does not keep others from it. None is begun when
    time is over.
    """
    start = time.monotonic()
    end = start + max(LEAST_LIMIT_SECONDS, rounds * ROUND_LIMIT_SECONDS)
    measured: dict[str, Measured] = {}
    unmeasured: list[Unmeasured] = []
    with workspace() as here:
        about = machine.machine(here.user.root)
        for group in GROUPS:
            module = _module(group)
            names = {row.name for row in module.ROWS} & {row.name for row in wanted}
            if not names:
                continue
            emit(Started(f"bench: preparing {group}"))
            rows = [row for row in module.ROWS if row.name in names]
            with _noting(group, rows, measured, unmeasured, emit):
                _require_time(end)
                with module.comparisons(here, names) as comparisons:
                    for comparison in comparisons:
                        asked = [row for row in comparison.rows if row.name in names]
                        with _noting(group, asked, measured, unmeasured, emit):
                            for one in _measured(comparison, rounds, emit, end):
                                measured[one.row.name] = one
        about |= machine.versions(here.user.root)
    found = tuple(measured[row.name] for row in wanted if row.name in measured)
    return BenchResult(about, rounds, found, tuple(unmeasured), time.monotonic() - start)


@contextmanager
def _noting(
    group: str,
    rows: Sequence[Row],
    measured: Mapping[str, Measured],
    unmeasured: list[Unmeasured],
    emit: Emit,
) -> Iterator[None]:
    """Note an error in the context as the reason why the rest of ``rows`` is not measured."""
    try:
        yield
    except Exception as error:
        emit(Warned(f"bench: {group}: {error}"))
        if isinstance(error, HostonlyError):
            because = ": ".join([error.what, *error.output.strip().splitlines()[-1:]])
        else:
            # An error that nobody foresaw; the rows that were measured are none the worse for it.
            because = f"{type(error).__name__}: {error}"
        known = {*measured, *(one.row.name for one in unmeasured)}
        unmeasured += [Unmeasured(row, because) for row in rows if row.name not in known]


def _require_time(end: float) -> None:
    if time.monotonic() >= end:
        raise HostonlyError("the time for a bench was over: this machine is too busy for it")


def _measured(comparison: Comparison, rounds: int, emit: Emit, end: float) -> Iterable[Measured]:
    what = ", ".join(row.name for row in comparison.rows)
    emit(Started(f"bench: {what}"))
    start = time.monotonic()
    sides = (comparison.ours, comparison.theirs)
    values: tuple[list[Mapping[str, float]], list[Mapping[str, float]]] = ([], [])
    if comparison.warm:
        for side in sides:
            side()
    for number in range(rounds):
        _require_time(end)
        emit(Progress(f"round {number + 1} of {rounds}"))
        # The first side has the colder caches: each side is first in its turn.
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            values[which].append(sides[which]())
    emit(Done(f"bench: {what}", time.monotonic() - start))
    return [
        Measured(row, *(summary([value[row.name] for value in side]) for side in values))
        for row in comparison.rows
    ]


def _module(group: str) -> Any:
    return import_module(f"bench.{group}")
