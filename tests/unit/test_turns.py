"""A second run of the integration tests in one copy waits, saying for whom, or stops, saying why."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.turns import turn

ROOT = Path(__file__).resolve().parents[2]
HOLD = """\
import sys
from pathlib import Path
from tests.integration.turns import turn
with turn(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another run that is at work in ``tmp_path``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_stops_and_names_the_first(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    told: list[str] = []
    with (
        pytest.raises(TimeoutError, match=f"process {other.pid}"),
        turn(tmp_path, told.append, seconds=0.2),
    ):
        pytest.fail("two at once")
    (line,) = told
    assert line.startswith("integration tests: waiting for ") and f"process {other.pid}" in line


@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_the_second_goes_on_when_the_first(
    tmp_path: Path, other: subprocess.Popen[str], how: str
) -> None:
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        other.kill() if how == "is killed" else other.communicate("\n")

    with turn(tmp_path, tell, seconds=20):
        assert len(told) == 1


def test_one_alone_says_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        with turn(tmp_path / "a" / "b", told.append):
            pass
    assert told == []
