"""A demo is not disturbed: another one, and whoever would take the sandbox away, waits and says for whom."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.waiting import until
from tests.integration.command_line import INV, inv, left_by
from tests.integration.held import BEFORE, StandIns

SECONDS = 300.0


class Running:
    """A task under way; ``said`` has what it printed so far, both streams."""

    def __init__(self, checkout: Path, folder: Path, task: str, path: str) -> None:
        self.file = folder / f"{task}.said"
        with self.file.open("w") as out:
            self.process = subprocess.Popen(
                [*INV, task],
                cwd=checkout,
                env={**os.environ, "PATH": path},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self.file.read_text()

    def says(self, text: str) -> None:
        """Wait until it has said ``text``."""
        until(lambda: text in self.said or self.process.poll() is not None, bool, SECONDS)
        assert text in self.said, self.said

    def ends(self) -> int:
        """Its exit code."""
        return self.process.wait(SECONDS)


@contextlib.contextmanager
def running(
    checkout: Path, folder: Path, task: str, path: str = os.environ["PATH"]
) -> Iterator[Running]:
    """``task`` under way, and at its end in any case."""
    it = Running(checkout, folder, task, path)
    try:
        yield it
    finally:
        if it.process.poll() is None:
            it.process.send_signal(signal.SIGINT)
        it.ends()


@pytest.fixture
def nc(tmp_path: Path) -> StandIns:
    """A demo that has this first on its PATH has its container running, and does not end before it is let go."""
    return StandIns(tmp_path / "bin", {"nc": BEFORE})


@pytest.fixture(autouse=True)
def up(checkout: Path) -> None:
    """The sandbox and its image are there, so that a demo begins at once."""
    assert inv("image.push").returncode == 0


def test_a_demo_waits_for_another_and_says_for_which(
    checkout: Path, tmp_path: Path, nc: StandIns
) -> None:
    with running(checkout, tmp_path, "demo.bridge", nc.path) as first:
        first.says("docker run")
        with running(checkout, tmp_path, "demo.host") as second:
            second.says(f"waiting for inv demo.bridge (process {first.process.pid})")
            nc.let_go()
            assert first.ends() == 0, first.said
            assert second.ends() == 0, second.said


def test_destroy_waits_for_a_demo_which_ends_well(
    checkout: Path, tmp_path: Path, nc: StandIns
) -> None:
    with running(checkout, tmp_path, "demo.bridge", nc.path) as demo:
        demo.says("docker run")
        with running(checkout, tmp_path, "sandbox.destroy") as destroy:
            destroy.says(f"waiting for inv demo.bridge (process {demo.process.pid})")
            nc.let_go()
            assert demo.ends() == 0, demo.said
            assert destroy.ends() == 0, destroy.said
    assert inv("sandbox.status").stdout.count("not created") == 2


@pytest.mark.long
def test_halt_goes_on_as_soon_as_the_demo_is_interrupted(
    checkout: Path, tmp_path: Path, nc: StandIns
) -> None:
    with running(checkout, tmp_path, "demo.bridge", nc.path) as demo:
        demo.says("docker run")
        with running(checkout, tmp_path, "sandbox.halt") as halt:
            halt.says(f"waiting for inv demo.bridge (process {demo.process.pid})")
            demo.process.send_signal(signal.SIGINT)
            assert demo.ends() == 130, demo.said
            assert halt.ends() == 0, halt.said
    assert "halted" in halt.said
    # The demo had its sandbox for as long as it took to clear up.
    assert inv("sandbox.up").returncode == 0
    assert left_by("sandbox", "bridge") == ""
