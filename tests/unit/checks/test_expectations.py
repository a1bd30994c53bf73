"""The table of expectations: complete, sourced, and chosen by the engine's version."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from hostonly.checks.matrix.expectations import FILE, Expected, expected_of
from hostonly.checks.matrix.modes import MODES
from hostonly.facts.reach import Outcome
from hostonly.report.matrix import COLUMNS, TARGETS, WIDTH

RELEASES = [(20, 10, 0), (20, 10, 24), (24, 0, 9), (26, 1, 5), (28, 0, 0), (29, 1, 2)]


def cells(release: tuple[int, int, int]) -> dict[tuple[str, str, str], Expected]:
    return {(each.mode, each.target, each.vantage): each for each in expected_of(release)}


@pytest.mark.parametrize("release", RELEASES)
def test_every_mode_from_every_vantage(release: tuple[int, int, int]) -> None:
    table = cells(release)
    for mode in MODES:
        for vantage in ("host", "sandbox", "sandbox2", "same", "other"):
            assert (mode.name, "own", vantage) in table
    assert {mode for mode, _, _ in table} == {mode.name for mode in MODES}
    assert {vantage for _, _, vantage in table} == set(COLUMNS)
    assert {target for _, target, _ in table} <= set(TARGETS)


def test_every_reason_is_used_short_and_sourced() -> None:
    text = FILE.read_text()
    used = {each.reason.name for release in RELEASES for each in expected_of(release)}
    reasons = tomllib.loads(text)["reasons"]
    assert used == set(reasons)
    for reason in reasons.values():
        assert len(reason["text"]) <= WIDTH - 5
        assert reason["source"]


def test_no_cell_stands_twice() -> None:
    for release in RELEASES:
        assert len(cells(release)) == len(expected_of(release))


@pytest.mark.parametrize(
    ("cell", "old", "new"),
    [
        (("published", "own", "routed"), Outcome.ANSWERS, Outcome.TIMEOUT),
        (("on loopback", "loopback", "routed"), Outcome.ANSWERS, Outcome.TIMEOUT),
        (("internal", "sandbox", "same"), Outcome.REFUSED, Outcome.NO_ROUTE),
    ],
)
def test_engines_differ(cell: tuple[str, str, str], old: Outcome, new: Outcome) -> None:
    assert cells((20, 10, 24))[cell].outcome is old
    assert cells((29, 0, 0))[cell].outcome is new


def test_the_version_from_which_it_is_so() -> None:
    cell = ("internal", "sandbox", "same")
    assert cells((24, 0, 9))[cell].outcome is Outcome.REFUSED
    assert cells((25, 0, 0))[cell].outcome is Outcome.NO_ROUTE


def test_nothing_is_guessed_of_older_engines() -> None:
    with pytest.raises(ValueError, match=r"nothing is known of engine 19\.3\.15"):
        expected_of((19, 3, 15))


@pytest.mark.parametrize("value", ["ANSWERS", "ANSWERS because", "MAYBE why", "why"])
def test_a_cell_without_outcome_or_reason_is_refused(value: str, tmp_path: Path) -> None:
    file = tmp_path / "table.toml"
    file.write_text(
        f'[reasons]\nwhy = {{ text = "so", source = "here" }}\n[bridge.own]\nhost = "{value}"\n'
    )
    with pytest.raises(ValueError):
        expected_of((20, 10, 24), file)
