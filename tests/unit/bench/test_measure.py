"""Measuring in turns: who goes first, what counts, and what becomes of a group that fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import GROUPS, machine, measure
from bench.measure import Comparison, Side, bench, chosen, limit, rows, timed
from bench.result import BenchResult, Measured, Row, Summary, summary
from bench.workspace import Workspace
from hostonly.errors import HostonlyError, ToolFailed, UsageError
from hostonly.events import ignore

FAST = Row("fast", "s", "ours over theirs", 0.5)
OTHER = Row("other", "MB", "the other group", 1.0)


def counting(name: str, log: list[str], *values: float) -> Side:
    left = list(values)

    def side() -> Mapping[str, float]:
        log.append(name)
        return {FAST.name: left.pop(0)}

    return side


def run(
    monkeypatch: pytest.MonkeyPatch,
    groups: Mapping[str, Any],
    wanted: list[Row],
    rounds: int,
) -> BenchResult:
    monkeypatch.setattr(measure, "GROUPS", tuple(groups))
    monkeypatch.setattr(measure, "_module", lambda name: groups[name])
    monkeypatch.setattr(machine, "machine", lambda root: {"processor": "one"})
    monkeypatch.setattr(machine, "versions", lambda root: {"vagrant": "2.3.4"})
    workspace = cast(Workspace, SimpleNamespace(user=SimpleNamespace(root=Path("/checkout"))))
    context: AbstractContextManager[Workspace] = nullcontext(workspace)
    return bench(lambda: context, wanted, rounds, ignore)


def group(row: Row, *comparisons: Comparison) -> Any:
    @contextmanager
    def made(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
        assert wanted == {row.name}
        yield list(comparisons)

    return SimpleNamespace(ROWS=(row,), comparisons=made)


def test_the_sides_take_turns_and_the_first_try_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: list[str] = []
    ours = counting("ours", log, 99, 1, 3, 2)
    theirs = counting("theirs", log, 99, 10, 20, 40)
    result = run(monkeypatch, {"g": group(FAST, Comparison((FAST,), ours, theirs))}, [FAST], 3)
    assert log == ["ours", "theirs", "ours", "theirs", "theirs", "ours", "ours", "theirs"]
    (one,) = result.rows
    assert one.ours == Summary(1, 2, 3)
    assert one.theirs == Summary(10, 20, 40)
    assert one.ratio == 0.1
    assert one.met


def test_a_comparison_that_fails_does_not_keep_the_next_of_its_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing() -> Mapping[str, float]:
        raise ToolFailed("it did not work", output="first\nthe reason")

    two = SimpleNamespace(ROWS=(FAST, OTHER))

    @contextmanager
    def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
        yield [
            Comparison((FAST,), failing, limit(FAST.name, 1)),
            Comparison((OTHER,), limit(OTHER.name, 1), limit(OTHER.name, 1)),
        ]

    two.comparisons = comparisons
    result = run(monkeypatch, {"g": two}, [FAST, OTHER], 1)
    assert [one.row for one in result.rows] == [OTHER]
    assert [(one.row, one.because) for one in result.unmeasured] == [
        (FAST, "it did not work: the reason")
    ]


def test_nothing_is_begun_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    monkeypatch.setattr(measure, "LEAST_LIMIT_SECONDS", 0.0)
    monkeypatch.setattr(measure, "ROUND_LIMIT_SECONDS", 0.0)
    one = Comparison((FAST,), counting("o", log, 1), counting("t", log, 1), warm=False)
    result = run(monkeypatch, {"g": group(FAST, one)}, [FAST], 1)
    assert log == [] and result.rows == ()
    assert "time for a bench was over" in result.unmeasured[0].because


def test_cold_sides_are_not_tried_before(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    cold = Comparison((FAST,), counting("o", log, 1), counting("t", log, 1), warm=False)
    run(monkeypatch, {"g": group(FAST, cold)}, [FAST], 1)
    assert log == ["o", "t"]


def test_a_group_that_fails_is_said_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing() -> Mapping[str, float]:
        raise ToolFailed("vagrant failed", output="a line\nthe last line\n")

    def ok() -> Mapping[str, float]:
        return {OTHER.name: 1.0}

    result = run(
        monkeypatch,
        {
            "bad": group(FAST, Comparison((FAST,), failing, failing)),
            "good": group(OTHER, Comparison((OTHER,), ok, ok)),
        },
        [FAST, OTHER],
        1,
    )
    assert [one.row for one in result.rows] == [OTHER]
    (lacking,) = result.unmeasured
    assert (lacking.row, lacking.because) == (FAST, "vagrant failed: the last line")


@pytest.mark.parametrize("where", ["a side", "preparing", "clearing up"])
def test_what_nobody_foresaw_takes_no_other_row_along(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def failing() -> Mapping[str, float]:
        raise PermissionError(13, "Permission denied", "/proc/1/smaps_rollup")

    @contextmanager
    def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
        if where == "preparing":
            failing()
        side = failing if where == "a side" else limit(FAST.name, 1)
        yield [Comparison((FAST,), side, limit(FAST.name, 1))]
        if where == "clearing up":
            failing()

    bad = SimpleNamespace(ROWS=(FAST,), comparisons=comparisons)
    good = group(OTHER, Comparison((OTHER,), limit(OTHER.name, 1), limit(OTHER.name, 1)))
    result = run(monkeypatch, {"bad": bad, "good": good}, [FAST, OTHER], 1)
    assert result.rows[-1].row == OTHER
    if where == "clearing up":
        assert not result.unmeasured
    else:
        (lacking,) = result.unmeasured
        assert lacking.because.startswith("PermissionError: [Errno 13] Permission denied")


def test_a_ctrl_c_ends_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> Mapping[str, float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one = Comparison((FAST,), interrupted, interrupted)
        run(monkeypatch, {"g": group(FAST, one)}, [FAST], 1)


def test_only_what_was_asked_for_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(workspace: Workspace, wanted: set[str]) -> AbstractContextManager[list[Comparison]]:
        raise HostonlyError("not asked for")

    result = run(monkeypatch, {"g": SimpleNamespace(ROWS=(OTHER,), comparisons=never)}, [FAST], 1)
    assert not result.rows
    assert not result.unmeasured


@pytest.mark.parametrize(
    ("ratio", "goal", "met"), [(0.5, 0.5, True), (0.51, 0.5, False), (0.51, None, None)]
)
def test_whether_a_goal_is_met(ratio: float, goal: float | None, met: bool | None) -> None:
    assert Measured(Row("r", "s", "", goal), summary([ratio]), summary([1.0])).met is met


def test_a_time_is_measured_and_a_limit_is_fixed() -> None:
    assert 0.0 <= timed("a", lambda: None)()["a"] < 1.0
    assert limit("a", 2.0)() == {"a": 2.0}


def test_every_row_has_a_name_of_its_own() -> None:
    named = [row.name for group in GROUPS for row in measure._module(group).ROWS]
    assert sorted(named) == sorted(set(named)) == sorted(rows())


def test_rows_are_chosen_by_name_in_the_benchs_own_order() -> None:
    assert [row.name for row in chosen(["exec-ssh", "list"])] == ["list", "exec-ssh"]
    assert chosen([]) == list(rows().values())
    with pytest.raises(UsageError, match="no row 'lsit'"):
        chosen(["list", "lsit"])
