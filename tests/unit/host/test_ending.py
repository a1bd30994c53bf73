"""Work beside other work, and its end before its time."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from hostonly.errors import ToolFailed
from hostonly.host.command import run
from hostonly.host.ending import Beside, send


def test_the_result_is_waited_for() -> None:
    with Beside(lambda: run(["sh", "-c", "sleep 0.1; echo done"])) as beside:
        assert beside.result() == "done\n"


def test_an_error_of_the_work_is_raised_where_its_result_is_asked_for() -> None:
    with Beside(lambda: run(["sh", "-c", "exit 3"])) as beside, pytest.raises(ToolFailed):
        beside.result()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, ToolFailed])
def test_its_programs_end_when_the_context_is_left_by_an_error(
    tmp_path: Path, interrupt: type[BaseException]
) -> None:
    begun, after = tmp_path / "begun", tmp_path / "after"

    def work() -> None:
        run(["sh", "-c", f"touch {begun}; sleep 30"])
        after.touch()

    start = time.monotonic()
    with pytest.raises(interrupt), Beside(work):
        while not begun.exists() and time.monotonic() < start + 20:
            time.sleep(0.01)
        raise interrupt("now")
    assert time.monotonic() - start < 25
    assert begun.exists() and not after.exists()


def test_what_it_starts_after_the_word_ends_as_well() -> None:
    codes: list[str] = []

    def work() -> None:
        for _ in range(2):
            try:
                run(["sleep", "30"])
            except ToolFailed as error:
                codes.append(error.what)

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Beside(work):
        raise KeyboardInterrupt
    assert codes == ["sleep was ended", "sleep was ended"]
    assert time.monotonic() - start < 25


def test_what_sudo_runs_is_signalled_by_another_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def another_sudo(argv: list[str], **how: object) -> None:
        asked.append(argv)
        # In the group of who called it, sudo would not pass the signal on; in another session it
        # would not know that a password was given at this terminal.
        assert how["process_group"] == 0 and "start_new_session" not in how

    (tmp_path / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    process = subprocess.Popen(["sudo", "sleep", "30"], process_group=0, text=True)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "run", another_sudo)
            send(process, 15)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert asked == [["sudo", "-n", "kill", "-TERM", "--", f"-{process.pid}"]]
