"""A bench's result: a table for people, a document for programs."""

from __future__ import annotations

from typing import Any

from bench.result import BenchResult, Measured, Summary
from hostonly.report.document import SCHEMA
from hostonly.report.json import DIGITS


def as_document(result: BenchResult) -> dict[str, Any]:
    """Return the document, which ``bench.schema.json`` beside this file describes."""
    return {
        "schema": SCHEMA,
        "kind": "bench",
        "machine": result.machine,
        "rounds": result.rounds,
        "rows": [
            {
                "name": one.row.name,
                "unit": one.row.unit,
                "ours": _sides(one.ours),
                "theirs": _sides(one.theirs),
                "ratio": round(one.ratio, DIGITS),
                "goal": one.row.goal,
                "met": one.met,
            }
            for one in result.rows
        ],
        "unmeasured": [{"name": one.row.name, "because": one.because} for one in result.unmeasured],
        "seconds": round(result.seconds, DIGITS),
    }


def as_table(result: BenchResult) -> str:
    """Return machine and versions, then a line a row: both sides, ratio, goal, and if it is met."""
    width = max((len(one.row.name) for one in result.rows), default=4)
    lines = [f"{name}: {value}" for name, value in result.machine.items()]
    lines += [f"rounds: {result.rounds}; min / median / max of each side", ""]
    lines += [_line(one, width) for one in result.rows]
    lines += [
        f"? {one.row.name:<{width}}  not measured: {one.because}" for one in result.unmeasured
    ]
    goals = [one.met for one in result.rows if one.met is not None]
    lines += ["", f"{sum(goals)} of {len(goals)} goals met, {result.seconds:.0f} s"]
    return "\n".join(lines)


def _line(one: Measured, width: int) -> str:
    ours, theirs = _span(one.ours, one.row.unit), _span(one.theirs, one.row.unit)
    aim = "no goal" if one.row.goal is None else f"goal ≤ {one.row.goal:g}"
    goal = f"{one.ratio:6.2f} × ({aim})"
    mark = {True: "✓", False: "✗", None: "·"}[one.met]
    return f"{mark} {one.row.name:<{width}}  {ours:<24} over {theirs:<24} {goal:<24} {one.row.what}"


def _span(side: Summary, unit: str) -> str:
    def short(value: float) -> str:
        return f"{value:.2f}" if value < 100 else f"{value:.0f}"

    if side.min == side.max:
        return f"{short(side.median)} {unit}"
    return f"{short(side.min)} / {short(side.median)} / {short(side.max)} {unit}"


def _sides(side: Summary) -> dict[str, float]:
    return {
        "min": round(side.min, DIGITS),
        "median": round(side.median, DIGITS),
        "max": round(side.max, DIGITS),
    }
