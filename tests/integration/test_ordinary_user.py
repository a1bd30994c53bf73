"""All of it as an ordinary user has it, who may use sudo: in a clone of this checkout in that user's home.

The user is made for the test and gone after it. What sudo runs it keeps a list of, by its own means, and
that is held against the one in docs/security.md.
"""

from __future__ import annotations

import contextlib
import os
import pty
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hostonly.host import outsiders
from hostonly.settings import Settings
from tests.integration.command_line import ROOT, inv

pytestmark = [pytest.mark.long, pytest.mark.needs("sudo", "useradd")]

PASSWORD = "correct horse"
NOT_COPIED = (".git", ".venv", ".hostonly", ".vagrant", "target", "__pycache__")
# Neither root's own nor that of the tests' environment; python3 is Debian's.
NOT_THEIRS = ("PYTHON", "VIRTUAL_ENV", "XDG_", "TMPDIR", "SUDO_")
SUDOERS = Path("/etc/sudoers.d")


@dataclass(frozen=True)
class User:
    """``log`` is where sudo notes what it ran for this user."""

    name: str
    log: Path

    @property
    def home(self) -> Path:
        return Path(pwd.getpwnam(self.name).pw_dir)

    @property
    def clone(self) -> Path:
        return self.home / "a clone"

    def may(self, rule: str | None) -> None:
        """What sudo lets the user do: a rule of sudoers, or None for nothing at all."""
        file = SUDOERS / self.name
        file.unlink(missing_ok=True)
        if rule is not None:
            notes = f"Defaults:{self.name} logfile={self.log}, loglinelen=0\n"
            file.write_text(f"{notes}{self.name} {rule}\n")
            file.chmod(0o440)

    def _argv(self, words: tuple[str, ...]) -> list[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(NOT_THEIRS)}
        theirs = {**kept, "HOME": str(self.home), "PATH": "/usr/bin:/bin", "USER": self.name}
        clean = ["env", "-i", *(f"{key}={value}" for key, value in theirs.items())]
        return ["runuser", "-u", self.name, "--", *clean, "./inv", *words]

    def inv(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `./inv` with ``words`` where nobody could type a password."""
        done = subprocess.run(
            self._argv(words),
            cwd=self.clone,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            start_new_session=True,
            check=False,
        )
        # pytest shows it where a test fails.
        sys.stderr.write(f"inv {' '.join(words)} -> {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def cut_off(self, task: str, at: str, number: signal.Signals) -> int:
        """Run ``task`` until it says ``at``, send it ``number``, and wait; its exit code."""
        process = subprocess.Popen(
            self._argv((task,)),
            cwd=self.clone,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if at in line:
                break
        found = [pid for pid in self.processes() if f"bin/inv {task}" in arguments(pid)]
        # What it is about to start has its command line for a moment.
        (own,) = [pid for pid in found if parent(pid) not in (0, *found)]
        os.kill(own, number)
        # What it started may hold the pipe for longer.
        code = process.wait(timeout=90)
        process.stderr.close()
        return code

    def processes(self) -> list[int]:
        """What runs as this user."""
        uid, found = pwd.getpwnam(self.name).pw_uid, []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if folder.stat().st_uid == uid:
                    found.append(int(folder.name))
        return found

    def did(self, *words: str) -> str:
        """The same, which must succeed; what it printed."""
        done = self.inv(*words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def typed(self, *words: str, seconds: float = 600.0) -> tuple[int, int, str]:
        """Run it at a terminal where the password is typed when sudo asks: its exit code, how often
        it was asked, and what was seen there."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.clone)
            argv = self._argv(words)
            os.execvp(argv[0], argv)
        seen, asked, deadline = b"", 0, time.monotonic() + seconds
        try:
            while select.select([terminal], [], [], max(deadline - time.monotonic(), 0))[0]:
                # The terminal's end is an error of reading it.
                with contextlib.suppress(OSError):
                    if piece := os.read(terminal, 65536):
                        seen += piece
                        if seen.count(b"password for") > asked:
                            asked += 1
                            os.write(terminal, f"{PASSWORD}\n".encode())
                        continue
                break
            else:
                os.kill(process, signal.SIGKILL)
        finally:
            status = os.waitpid(process, 0)[1]
            os.close(terminal)
        sys.stderr.write(seen.decode(errors="replace"))
        return os.waitstatus_to_exitcode(status), asked, seen.decode(errors="replace")

    def remove(self) -> None:
        """Remove the user with all there is of it."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.may(None)
        subprocess.run(["userdel", "--remove", "--force", self.name], check=True, timeout=60)


def arguments(process: int) -> str:
    """Its command line; nothing where it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode().replace("\0", " ")
    except OSError:
        return ""


def parent(process: int) -> int:
    """Who started it; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.fixture(scope="module")
def made(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    if os.geteuid() != 0:
        pytest.skip("every other test is one of an ordinary user's already")
    # Its bridge's name is this checkout's alone.
    user = User(
        f"user-{os.environ['INVOKE_NETWORK_BRIDGE']}", tmp_path_factory.mktemp("log") / "log"
    )
    with contextlib.suppress(KeyError):
        # Of a run that was killed.
        user.remove()
    assert inv("sandbox.destroy").returncode == 0
    subprocess.run(["useradd", "--create-home", user.name], check=True, timeout=60)
    try:
        subprocess.run(
            ["chpasswd"], input=f"{user.name}:{PASSWORD}", text=True, check=True, timeout=60
        )
        shutil.copytree(ROOT, user.clone, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
        subprocess.run(["chown", "-R", f"{user.name}:", str(user.clone)], check=True, timeout=60)
        yield user
    finally:
        user.remove()


@pytest.fixture
def user(made: User) -> Iterator[User]:
    made.may("ALL=(ALL:ALL) NOPASSWD: ALL")
    made.log.unlink(missing_ok=True)
    yield made
    made.may("ALL=(ALL:ALL) NOPASSWD: ALL")
    made.did("sandbox.destroy")


def ran(user: User) -> set[str]:
    """The programs that sudo ran as root for the user. (`env` is vagrant-lxc's way to find them.)"""
    commands = [line.split("COMMAND=", 1)[1].split() for line in user.log.read_text().splitlines()]
    words = [command[1] if command[0] == "/usr/bin/env" else command[0] for command in commands]
    return {Path(word).name for word in words}


def documented() -> set[str]:
    """The programs in the first column of the list."""
    text = (ROOT / "docs" / "security.md").read_text().split("## What runs as root")[1]
    rows = [row for row in text.split("\n## ")[0].splitlines() if row.startswith("| `")]
    rows += [row for row in text.split("\n## ")[0].splitlines() if row.startswith("| by ")]
    return {code.split()[0] for row in rows for code in re.findall(r"`([^`]+)`", row.split("|")[1])}


def theirs_alone(user: User) -> list[str]:
    """What somebody else owns in the user's home; vagrant-lxc's own copy of a file beside it apart."""
    found = [
        path for path in user.home.rglob("*") if path.lstat().st_uid != user.home.stat().st_uid
    ]
    return [str(path) for path in found if path.name != "lxc-config.backup"]


def test_a_life_by_single_commands_of_sudo(user: User, settings: Settings) -> None:
    user.did("sandbox.up")
    assert "uid=1000(vagrant)" in user.did("sandbox.exec", "--", "id")
    for check in ("host-to-sandbox", "host-only", "isolation"):
        user.did(f"check.{check}")
    assert not outsiders.remove(settings), "the check has left something"
    user.did("demo.host")
    user.did("sandbox.up", "--machine", "sandbox2")
    user.did("sandbox.halt")
    user.did("sandbox.up")
    user.did("registry.trust", "--yes")
    user.did("check.leftovers")
    user.did("sandbox.destroy")
    user.did("check.leftovers")
    assert {"lxc-create", "lxc-start", "nft", "ip", "sysctl", "nsenter"} <= ran(user)
    assert ran(user) - documented() == set()
    assert theirs_alone(user) == []
    assert not (SUDOERS / "vagrant-lxc").exists()


def test_where_sudo_asks_it_is_answered_at_the_terminal(user: User, settings: Settings) -> None:
    """As Debian sets it up for its first user."""
    user.may("ALL=(ALL:ALL) ALL")
    tasks = ("sandbox.up", "check.host-only", "check.isolation", "sandbox.destroy")
    for task in (*tasks, "check.leftovers"):
        code, asked, seen = user.typed(task)
        # Once: each task has a terminal of its own here.
        assert (task, code, asked) == (task, 0, 1), seen
    assert not outsiders.remove(settings)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_is_cut_off_comes_back(user: User, settings: Settings, number: signal.Signals) -> None:
    """What sudo has started is root's, and not to be killed with the rest."""
    asked = number == signal.SIGINT
    code = user.cut_off("sandbox.up", "vagrant up sandbox", number)
    assert code == 130 or not asked
    user.did("sandbox.up")
    code = user.cut_off("check.host-only", "two neighbours", number)
    assert code == 130 or not asked
    # After a Ctrl-C nothing is left; after a kill the next run begins with clearing up.
    assert not asked or not outsiders.remove(settings)
    user.did("check.host-only")
    user.did("sandbox.destroy")
    user.did("check.leftovers")


def test_ipv6_is_switched_off_on_the_bridge(user: User, settings: Settings) -> None:
    user.did("sandbox.up")
    off = f"net.ipv6.conf.{settings.network.bridge}.disable_ipv6"
    # It goes with the bridge.
    subprocess.run(["sysctl", "-qw", f"{off}=1"], check=True, timeout=60)
    for task in ("demo.ipv6", "check.host-only"):
        said = user.did(task)
        assert "SKIPPED" in said and f"{off} is 1" in said
        assert f"to switch it on again: sudo sysctl -w {off}=0" in said
    assert ran(user) - documented() == set()


def test_where_sudo_is_refused_it_is_told(user: User) -> None:
    user.may(None)
    for task in ("sandbox.up", "host.prepare"):
        done = user.inv(task)
        assert done.returncode == 3
        assert "This needs root" in done.stderr and "Traceback" not in done.stderr
    # What cannot be seen is not said to be all right.
    assert user.inv("check.leftovers").returncode == 3
    assert not Path("/sys/class/net", os.environ["INVOKE_NETWORK_BRIDGE"]).exists()
