"""Every way to end is an exit code and, where it went wrong, one paragraph on stderr."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hostonly.cli import HostonlyProgram, configuration
from hostonly.site import ROOT

TASKS = """
import os, signal, sys, time
from invoke import Exit, task
from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.cli import remainder_argv

@task
def up(c): print("up")

@task
def say(c, count=1):
    print(remainder_argv(), count)

@task
def settings(c):
    from hostonly.settings import load
    print(load(c).registry.port)

@task
def fails(c): raise Exit(code=1)

@task
def unknown(c): raise Exit("could not look", code=3)

@task
def tool(c):
    raise ToolFailed("it broke", ran="tool --x", output="\\n".join(f"line {n}" for n in range(99)) + "\\x1b[2J\\x1b[0m\\b", remedy="try again")

@task
def bug(c): raise KeyError("oops")

@task
def closed(c): raise PermissionError(13, "Permission denied", "/nowhere/.hostonly/demo.lock")

@task
def runs(c): c.run("echo no >&2; exit 7", hide=True, in_stream=False)

@task
def wait(c):
    try:
        print("waiting", flush=True)
        time.sleep(120)
    finally:
        # Until who sends signals says that all are sent, or is gone.
        print("cleaning", flush=True)
        sys.stdin.readline()
        print("cleaned", flush=True)

@task
def much(c):
    for n in range(100000): print(n)

@task
def shown(c, json=False):
    from hostonly.results.transcript import StepStarted
    from hostonly.report.progress import Follower
    from hostonly.tasks.session import show, transcript
    terminal = transcript(Follower(), json=json)
    for n in range(5000): terminal(StepStarted("sandbox", f"true {n}"))
    if json: show("{}")
"""

JUDGES = """
from invoke import Collection

def judge(name, code=0, message=None):
    def run(c):
        print(name)
        if name == "gone":
            raise Unreachable("no sandbox")
        if code:
            raise Exit(message, code=code)
    run.__doc__ = name
    return task(name=name)(run)

ns = Collection(up, fails)
judges = [judge("holds"), judge("fails", 1), judge("unknown", 3), judge("gone")]
ns.add_collection(Collection("demo", *judges, judge("broken", 3, "could not look")))
ns.add_collection(Collection("check", *judges))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the tasks above and the checkout's settings, as the current one."""
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "invoke.yaml").write_bytes((ROOT / "invoke.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(configuration, "ROOT", tmp_path)
    monkeypatch.setattr("hostonly.cli.run.ROOT", tmp_path)
    for name in [name for name in os.environ if name.startswith("INVOKE_")]:
        monkeypatch.delenv(name)
    return tmp_path


def run(*arguments: str) -> int:
    return HostonlyProgram().exit_code(["inv", *arguments])


def test_a_task(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("up") == 0
    assert capsys.readouterr() == ("up\n", "")


@pytest.mark.parametrize(
    ("names", "code", "ran", "not_run"),
    [
        # A demo that does not hold keeps none behind it from being run; FAILS is worse than UNKNOWN.
        ("demo.holds demo.fails demo.holds", 1, "holds fails holds", ""),
        ("demo.unknown check.fails demo.holds", 1, "unknown fails holds", ""),
        ("demo.fails demo.unknown", 1, "fails unknown", ""),
        ("demo.holds demo.unknown", 3, "holds unknown", ""),
        # What is no demo or check may build on what did not hold.
        ("demo.fails demo.holds up demo.holds", 1, "fails holds", "up, demo.holds"),
        ("up demo.fails", 1, "up fails", ""),
        # What is no verdict ends it.
        ("demo.gone demo.holds", 3, "gone", "demo.holds"),
        ("fails demo.holds", 1, "", "demo.holds"),
        ("demo.broken demo.fails demo.holds", 3, "broken", "demo.fails, demo.holds"),
    ],
)
def test_several_tasks(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    names: str,
    code: int,
    ran: str,
    not_run: str,
) -> None:
    (project / "tasks.py").write_text(TASKS + JUDGES)
    assert run(*names.split()) == code
    told, said = capsys.readouterr()
    assert told.split() == ran.split()
    assert (f"inv: not run: {not_run}\n" in said) if not_run else ("not run" not in said)


def test_without_a_task_the_tasks_are_listed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    told = capsys.readouterr().out
    assert re.search(r"^  up\b", told, re.MULTILINE) and "--help TASK" in told


def test_the_arguments_after_the_dashes_survive(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["sh", "-c", 'echo "a  b"', "", "--count", "--", "ü"]
    assert run("say", "--", *given) == 0
    assert capsys.readouterr().out == f"{given} 1\n"
    assert run("say") == 0
    assert capsys.readouterr().out == "[] 1\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["upp"], "did you mean up?"),
        (["no.such"], "no.such"),
        (["up", "--nope"], "--nope"),
        (["say", "--count", "abc"], "--count: 'abc' is not a whole number"),
        (["say", "--count"], "count"),
        (["--help", "nope"], "nope"),
        (["--list", "nope"], "nope"),
        (["-c", "nope", "up"], "nope"),
        (["-f", "absent.yaml", "up"], "no such file"),
        (["-f", "folder.yaml", "up"], "is a directory"),
        (["-f", "tasks.txt", "up"], "must end in"),
        (["-f", "broken.yaml", "up"], "cannot be read"),
        (["-f", "list.yaml", "up"], "must hold keys and values"),
        (["-f", "flat.yaml", "up"], "sandbox: 5 is not allowed"),
        (["-f", "unknown.yaml", "settings"], "did you mean registry?"),
        (["up\x1b[2J"], "up"),
        (["x" * 10_000], "xxx"),
        ([""], ""),
        (["ü"], "ü"),
    ],
    ids=lambda part: " ".join(part)[:30] if isinstance(part, list) else "",
)
def test_wrong_usage_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    (project / "folder.yaml").mkdir()
    (project / "broken.yaml").write_text("a: [")
    (project / "list.yaml").write_text("[1]")
    (project / "flat.yaml").write_text("sandbox: 5")
    (project / "unknown.yaml").write_text("regsitry: {port: 1}")
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()
    assert told in err
    assert len(err) < 500


def test_a_broken_project_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "invoke.yaml").write_text("a: [")
    assert run("up") == 2
    assert capsys.readouterr().err.startswith("inv: invoke.yaml (project): cannot be read: ")


def test_a_variable_that_is_no_number(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOKE_REGISTRY_PORT", "abc")
    assert run("settings") == 2
    err = capsys.readouterr().err
    assert err.startswith("inv: registry.port: 'abc' (from INVOKE_REGISTRY_PORT) is not allowed:")
    assert err.count("\n") == 1


def test_a_file_overrides(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "own.yaml").write_text("registry: {port: 5001}")
    assert run("-f", "own.yaml", "settings") == 0
    assert capsys.readouterr().out == "5001\n"


def test_verdicts(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fails") == 1
    assert capsys.readouterr().err == ""
    assert run("unknown") == 3
    assert capsys.readouterr().err == "could not look\n"


def test_a_tool_that_failed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tool") == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "inv: it broke"
    assert lines[1] == "  run:  tool --x"
    assert lines[2] == "  | line 84"
    # What came from elsewhere does not drive the terminal, and its colours say nothing.
    assert lines[-2] == "  | line 98\\x08"
    assert lines[-1] == "  next: try again"


def test_a_command_of_invoke_that_failed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("runs") == 3
    assert "a command failed with exit 7" in capsys.readouterr().err


def test_a_bug_is_called_one_and_kept(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bug") == 3
    err = capsys.readouterr().err
    assert "bug in hostonly: KeyError: 'oops'" in err
    assert "Traceback" not in err
    (kept,) = (project / ".hostonly" / "bugs").iterdir()
    assert "Traceback" in kept.read_text()


@pytest.mark.parametrize("arguments", [["-V"], ["--help"], ["--list"], ["say", "--help"]])
def test_what_only_answers(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(*arguments) == 0
    out, err = capsys.readouterr()
    assert out and not err


def start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hostonly", "-r", str(project), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Under nohup the tests themselves ignore it, and what they start would as well.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_cleanups_run(project: Path, number: signal.Signals) -> None:
    process = start(project, "wait")
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    assert process.stdout.readline() == "cleaning\n"
    # Impatience does not cut the cleaning up short, and is answered.
    process.send_signal(number)
    assert process.stderr is not None and process.stderr.readline() == "\n"
    assert "cleaning up; once more gives up" in process.stderr.readline()
    out, err = process.communicate("all are sent\n", timeout=60)
    assert out == "cleaned\n"
    assert "interrupted" in err
    assert "Traceback" not in err
    assert process.returncode == 130


def test_under_nohup_a_hangup_is_nothing(project: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "hostonly", "-r", str(project), "wait"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == "cleaning\ncleaned\n"


def test_a_reader_that_goes_away(project: Path) -> None:
    process = start(project, "much")
    assert process.stdout is not None and process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr is not None and process.stderr.read() == ""
    assert process.wait(60) == 3


def test_a_transcripts_reader_that_goes_away(project: Path) -> None:
    """What was not read was not seen: 3, as where anything else was not, and no word more."""
    process = start(project, "shown")
    assert process.stdout is not None and process.stdout.readline() == "sandbox$ true 0\n"
    process.stdout.close()
    assert process.stderr is not None and process.stderr.read() == ""
    assert process.wait(60) == 3


def test_a_file_that_may_not_be_used_is_no_bug(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("closed") == 3
    said = capsys.readouterr().err
    assert "may not read or write /nowhere/.hostonly/demo.lock" in said and "bug" not in said
    assert not (project / ".hostonly").exists()


def test_nobody_need_read_what_is_said_beside_a_document(project: Path) -> None:
    process = start(project, "shown", "--json")
    assert process.stderr is not None and process.stderr.readline() == "sandbox$ true 0\n"
    process.stderr.close()
    assert process.stdout is not None and process.stdout.read() == "{}\n"
    assert process.wait(60) == 0


def test_nothing_is_said_beside_a_document_where_there_is_no_standard_error(project: Path) -> None:
    command = [sys.executable, "-m", "hostonly", "-r", str(project), "shown", "--json"]
    line = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "{}\n")


def test_a_full_disk_behind_stdout(project: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hostonly", "-r", str(project), "up"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['inv', '--list']\n"
        "from hostonly.cli import HostonlyProgram\n"
        "assert HostonlyProgram().exit_code(sys.argv) == 0\n"
        "heavy = {'pydantic', 'rich', 'fabric', 'paramiko', 'docker', 'requests', 'vagrant'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stderr == "[]\n"
    assert "test" in done.stdout
