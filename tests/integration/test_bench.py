"""The bench as a user runs it: every row asked for is measured, and nothing is left, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench import checkout as bench_checkout
from bench import report
from hostonly.ownership import owners
from hostonly.providers.lxc.container import LXC
from hostonly.site import INSTANCES, Site
from hostonly.waiting import until

SCHEMA = json.loads(Path(report.__file__).with_name("bench.schema.json").read_text())
BENCH = (sys.executable, "-m", "hostonly", "bench")


@pytest.fixture
def here(checkout: Path) -> Iterator[Path]:
    """The copy, in which `./inv` starts at once; no bench's folder is left there afterwards."""
    if not (checkout / ".venv").exists():
        bench_checkout._venv(checkout)
    yield checkout
    assert not (checkout / ".hostonly" / "bench").exists()


def measured(here: Path, rows: str, **environment: str) -> dict[str, Any]:
    """What one round of ``rows`` came to; all of them could be measured."""
    done = subprocess.run(
        [*BENCH, "--rows", rows, "--rounds", "1", "--json"],
        cwd=here,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    # pytest shows it where a test fails.
    sys.stderr.write(done.stderr)
    assert done.returncode == 0
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    assert [row["name"] for row in document["rows"]] == rows.split(",")
    assert not document["unmeasured"]
    return document


def left(here: Path) -> tuple[int, str]:
    """What check.leftovers says of it."""
    done = subprocess.run(
        [sys.executable, "-m", "hostonly", "check.leftovers"],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def links() -> str:
    return subprocess.run(
        ["ip", "-details", "link"], capture_output=True, text=True, check=True
    ).stdout


def ended(
    here: Path, rows: str, number: signal.Signals, said: str, also: Callable[[], bool]
) -> int:
    """A bench is sent the signal ``number`` when it has ``said`` something and ``also`` is so; its exit
    status."""
    process = subprocess.Popen(
        [*BENCH, "--rows", rows, "--rounds", "1"],
        cwd=here,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stderr is not None
    for line in process.stderr:
        sys.stderr.write(line)
        if said in line:
            break
    assert until(lambda: also() or process.poll() is not None, bool, 120.0, pause=0.05)
    assert process.poll() is None
    # As a terminal does, all that is in the foreground; a kill is for the one alone.
    (os.kill if number == signal.SIGKILL else os.killpg)(process.pid, number)
    try:
        return process.wait(timeout=120)
    finally:
        # What it started may hold the pipe for longer.
        process.stderr.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Variables of a user who is in another Vagrant project: it is not read, and no box is added."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "Vagrantfile").write_text(
        'File.write(File.join(__dir__, "read"), "")\n'
    )
    (tmp_path / "home").mkdir()
    yield {"VAGRANT_CWD": str(tmp_path / "project"), "VAGRANT_HOME": str(tmp_path / "home")}
    assert not (tmp_path / "project" / "read").exists()
    assert not list((tmp_path / "home").iterdir())


def test_rows_are_measured_whatever_vagrant_is_told_elsewhere(
    here: Path, elsewhere: dict[str, str]
) -> None:
    document = measured(here, "list,status,exec-ssh", **elsewhere)
    assert all(row["ours"]["min"] > 0 and row["theirs"]["min"] > 0 for row in document["rows"])
    status, said = left(here)
    assert status == 0, said


def test_a_ctrl_c_leaves_nothing(here: Path, site: Site) -> None:
    assert ended(here, "status", signal.SIGINT, "bench: status", lambda: True) == 130
    assert f"{site.state}/bench" not in links()
    status, said = left(here)
    assert status == 0, said


@pytest.mark.long
def test_what_a_killed_bench_leaves_is_named_and_the_next_one_removes_it(
    here: Path, site: Site, elsewhere: dict[str, str]
) -> None:
    def stock_is_up() -> bool:
        claimed = list(INSTANCES.glob("bench*-stock"))
        ours = [each.name for each in claimed if f"{site.state}/" in (owners.owner(each) or "")]
        return any((LXC / name / "config").exists() for name in ours)

    ended(here, "up", signal.SIGKILL, "bench: up, halt-up, destroy", stock_is_up)
    assert f"hostonly-bench {site.state}/bench/" in links()
    status, said = left(here)
    assert status == 1, said
    assert "left over: s-bench" in said
    measured(here, "up,halt-up,destroy", **elsewhere)
    assert f"{site.state}/bench" not in links()
    status, said = left(here)
    assert status == 0, said
