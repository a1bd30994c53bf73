"""The host vantage, on real processes of this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hostonly.environment import environment
from hostonly.vantages import NOT_FOUND, TIMED_OUT, Host
from hostonly.waiting import until


def test_streams_status_and_the_command_as_typed() -> None:
    result = Host().run(["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (result.exit, result.stdout, result.stderr) == (7, "out\n", "err\n")
    assert result.command == "sh -c 'echo out; echo err >&2; exit 7'"
    assert result.output == "out\nerr\n"
    assert not result.ok


def test_arguments_are_no_shell_line() -> None:
    assert Host().run(["printf", "%s", "$HOME; `id`"]).stdout == "$HOME; `id`"


def test_standard_input_is_given_or_empty() -> None:
    assert Host().run(["cat"], stdin="grüße").stdout == "grüße"
    assert Host().run(["cat"], timeout=20).stdout == ""


def test_a_program_that_is_not_there() -> None:
    result = Host().run(["no-such-program"])
    assert result.exit == NOT_FOUND
    assert "no-such-program" in result.stderr


def test_bytes_that_are_no_text() -> None:
    assert Host().run(["printf", r"a\377b"]).stdout == "a\ufffdb"


def test_a_timeout_kills_the_whole_group_and_keeps_what_was_printed(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    start = time.monotonic()
    result = Host().run(["sh", "-c", f"echo begun; sleep 60 & echo $! > '{mark}'; wait"], timeout=1)
    assert time.monotonic() - start < 30
    assert (result.exit, result.stdout) == (TIMED_OUT, "begun\n")
    child = int(mark.read_text())
    assert until(lambda: not _alive(child), bool, 20.0)


def _alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_signal_gives_the_status_that_a_shell_gives() -> None:
    assert Host().run(["sh", "-c", "kill -TERM $$"]).exit == 128 + 15


def test_the_environment_finds_system_tools_and_speaks_english() -> None:
    found = environment({"PATH": "/usr/bin", "LANG": "de_DE.UTF-8"})
    assert found["PATH"].split(os.pathsep) == ["/usr/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"]
    assert found["LC_ALL"] == "C.UTF-8"
