"""Running programs: what they print, how they fail, and that they do not outlive us."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from hostonly.errors import ToolFailed
from hostonly.host import command
from hostonly.host.command import NO_SUDO, run
from hostonly.waiting import until


def test_standard_output_is_returned_and_both_streams_are_followed() -> None:
    seen: list[str] = []
    said = run(["sh", "-c", "echo out; echo err >&2"], on_line=seen.append)
    assert said == "out\n"
    assert sorted(seen) == ["err", "out"]


def test_arguments_are_not_read_by_a_shell() -> None:
    assert run(["printf", "%s", "$(id) ; `id` * 'x'"]) == "$(id) ; `id` * 'x'"


def test_standard_input_and_environment_reach_the_program() -> None:
    assert (
        run(["sh", "-c", 'cat; printf %s "$WORD"'], stdin="in ", env={"WORD": "here"}) == "in here"
    )


def test_a_failure_carries_the_command_and_its_last_lines() -> None:
    with pytest.raises(ToolFailed) as failure:
        run(["sh", "-c", "seq 100; echo 'no room' >&2; exit 3"])
    assert "exit status 3" in failure.value.what
    assert failure.value.ran and failure.value.ran.startswith("sh -c")
    assert "no room" in failure.value.output
    assert len(failure.value.output.splitlines()) <= 15


def test_a_program_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(ToolFailed, match="cannot be run"):
        run(["no-such-program-anywhere"])


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    start = time.monotonic()
    with pytest.raises(ToolFailed, match=r"took longer than 1 s"):
        run(["sh", "-c", f"sleep 60 & echo $! >'{pid_file}'; wait"], timeout=1)
    assert time.monotonic() - start < 45
    pid = int(pid_file.read_text())
    assert until(lambda: not _alive(pid), bool, 20.0)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" and os.getpid() != pid


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("sudo: a terminal is required to read the password\nsudo: a password is required", True),
        ("sudo: 3 incorrect password attempts", True),
        ("ann is not in the sudoers file.", True),
        ("Sorry, user ann is not allowed to execute '/usr/sbin/nft' as root on here.", True),
        ("sudo: nft: command not found", False),
        ("Error: No such file or directory", False),
    ],
)
def test_where_sudo_itself_says_no_the_next_step_is_about_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, refused: bool
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nprintf "%s\\n" "$SAID" >&2\nexit 1\n')
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SAID", said)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolFailed) as failure:
        run(["nft", "list", "tables"], root=True)
    assert failure.value.remedy == (NO_SUDO if refused else None)


def test_what_cannot_be_ended_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root's program is, where sudo wants its password again."""
    monkeypatch.setattr(command, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(command, "send", lambda process, number: None)
    process = command.start(["sleep", "30"])
    try:
        with pytest.raises(ToolFailed, match="is still there") as failure:
            command.end(process)
        assert failure.value.remedy == f"sudo kill -KILL {process.pid}"
    finally:
        process.kill()
        process.communicate()


def test_who_leads_no_group_is_ended_as_well() -> None:
    # `Popen.send_signal` itself finds out that it has ended, and then there is nothing to wait for.
    with subprocess.Popen(["sleep", "30"]) as process:
        command.end(process)
        assert process.returncode == -signal.SIGINT


def test_who_ends_while_it_is_told_to_is_not_waited_for_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "send", lambda process, number: process.wait())
    with subprocess.Popen(["sleep", "0.3"]) as process:
        command.end(process)
        assert process.returncode == 0


def test_colours_and_logins_come_into_no_error() -> None:
    """As Maven has it, which prints its last colour whatever it is told."""
    seen: list[str] = []
    line = (
        r"printf '\033[0m\033[0m[ERROR] http://me:hunter2@a.example/x \033]0;title\007\377\n' >&2"
    )
    with pytest.raises(ToolFailed) as failure:
        run(["sh", "-c", f"{line}; exit 1"], on_line=seen.append)
    assert failure.value.output == "[ERROR] http://********@a.example/x \N{REPLACEMENT CHARACTER}"
    assert seen == [failure.value.output]
