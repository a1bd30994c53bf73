"""The table of docs/performance.md has every row of the bench, with the goal that it is held to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.measure import rows

PAGE = Path(__file__).resolve().parents[3] / "docs" / "performance.md"
# The goals that are absolute, in the words of the table: their rows are measured over exactly that.
ABSOLUTE = {
    "build-second": "< 1 s",
    "push-second": "< 1 s",
    "check-host-to-sandbox": "≤ 1 s",
    "memory-cgroup": "≤ 120 MB",
    "memory-pss": "≤ 120 MB",
    "disk": "≤ 60 MB",
    "box": "≤ 30 s",
}


def table() -> dict[str, list[str]]:
    """The cells of each line of the table, by the rows that it names."""
    text = PAGE.read_text().split("## Goals and the last figures", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    found: dict[str, list[str]] = {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        known = [name for name in re.findall(r"`([^`]+)`", cells[0]) if name in rows()]
        assert known, f"no row of the bench: {line}"
        assert not set(known) & set(found)
        found |= dict.fromkeys(known, cells)
    return found


@pytest.mark.parametrize("name", rows())
def test_it_has_the_row_with_its_goal(name: str) -> None:
    cells = table()[name]
    assert len(cells) == 5
    row = rows()[name]
    told = "none" if row.goal is None else f"≤ {row.goal:g}"
    assert re.sub(r"\.0$", "", cells[1]) == ABSOLUTE.get(name, told)


def test_it_has_no_other_row() -> None:
    assert set(table()) == set(rows())


def test_no_figure_is_left_out() -> None:
    assert not [cells for cells in table().values() if any("…" in cell for cell in cells)]
