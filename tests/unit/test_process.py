"""Processes of this machine: started, followed, and ended with all that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from hostonly.background import Background
from hostonly.process import LATE, UNWANTED, Completed, as_root, follow, kill, run, send, start
from hostonly.waiting import until


def test_what_was_printed_is_kept_as_it_was() -> None:
    done = run(["printf", r"a\r\nb\rc\377"], seconds=20.0)
    assert done == Completed(0, "a\r\nb\rc\ufffd", "")


def test_more_is_given_and_taken_than_a_pipe_holds() -> None:
    text = "a line\n" * 100_000
    assert run(["cat"], seconds=60.0, stdin=text).stdout == text
    # Who does not read all of it is no failure of ours.
    assert run(["head", "-n", "1"], seconds=60.0, stdin=text).stdout == "a line\n"


def test_lines_are_told_as_they_come_without_their_ends() -> None:
    told: list[str] = []
    follow(start(["printf", r"1%%\r2%%\r\ndone\n"]), kill, on_line=told.append)
    assert told == ["1%", "2%", "done"]


def test_the_environment_is_added_to_and_taken_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "1")
    monkeypatch.setenv("THEIRS", "1")
    line = 'echo "$MINE ${THEIRS-gone} $LC_ALL"'
    done = run(["sh", "-c", line], seconds=20.0, env={"MINE": "2", "THEIRS": None})
    assert done.stdout == "2 gone C.UTF-8\n"


def test_a_descendant_that_keeps_the_pipes_is_not_waited_for() -> None:
    done = run(["sh", "-c", "echo begun; setsid sleep 30 & sleep 30"], seconds=0.5)
    assert (done.stdout, done.cut) == ("begun\n", LATE)


def test_who_closes_its_streams_is_waited_for() -> None:
    assert run(["sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 3"], seconds=20.0).status == 3
    late = run(["sh", "-c", "exec >&- 2>&-; sleep 30"], seconds=0.5)
    assert (late.status, late.cut) == (-signal.SIGKILL, LATE)


def test_it_ends_with_the_work_in_the_background(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    work = Background(lambda: run(["sh", "-c", f"touch {begun}; sleep 30"], seconds=60.0))
    with pytest.raises(KeyboardInterrupt), work:
        until(begun.exists, bool, 20.0)
        raise KeyboardInterrupt
    assert work.result().cut == UNWANTED


def test_what_is_held_is_held_as_long_as_it_runs() -> None:
    ours, theirs = os.pipe()
    running = start(["sleep", "30"], held=[theirs])
    os.close(theirs)
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)
    kill(running)
    assert os.read(ours, 1) == b""
    os.close(ours)


SUDO = """#!/bin/sh
[ "$*" = "-n true" ] && exit $ASKS
exec "$@"
"""


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sudo that asks for a password where ASKS says so; we are an ordinary user."""
    (tmp_path / "sudo").write_text(SUDO)
    (tmp_path / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)


@pytest.mark.parametrize(
    ("asks", "ask", "words"),
    [
        ("0", True, ["sudo", "-n"]),
        ("1", True, ["sudo", "-p", "why: "]),
        ("1", False, ["sudo", "-n"]),
    ],
)
def test_root_is_become_by_sudo(
    sudo: None, monkeypatch: pytest.MonkeyPatch, asks: str, ask: bool, words: list[str]
) -> None:
    monkeypatch.setenv("ASKS", asks)
    assert as_root(["id"], ask=ask, prompt="why: ") == [*words, "id"]


def test_without_sudo_it_is_tried_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever runs it says then what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert as_root(["id"]) == ["sudo", "id"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert as_root(["id"]) == ["id"]


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
    process = subprocess.Popen(["sudo", "sleep", "30"], process_group=0)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "run", another_sudo)
            send(process, 15)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert asked == [["sudo", "-n", "kill", "-TERM", "--", f"-{process.pid}"]]
