"""An ordinary user, who is made for a module of tests and gone after it, with a clone of this checkout in
that user's home."""

from __future__ import annotations

import contextlib
import os
import pty
import pwd
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checkout import copied
from tests.integration.command_line import inv

PASSWORD = "correct horse"
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

    def argv(self, *command: str, **variables: str) -> list[str]:
        """The command line by which the user runs ``command`` in the clone, with ``variables``."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(NOT_THEIRS)}
        theirs = {**kept, "HOME": str(self.home), "PATH": "/usr/bin:/bin", "USER": self.name}
        clean = ["env", "-i", *(f"{key}={value}" for key, value in (theirs | variables).items())]
        return ["runuser", "-u", self.name, "--", *clean, *command]

    def inv(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `./inv` with ``words`` where nobody could type a password."""
        return self.run("./inv", *words)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``command`` in the clone, with ``variables`` in its environment."""
        done = subprocess.run(
            self.argv(*command, **variables),
            cwd=self.clone,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            start_new_session=True,
            check=False,
        )
        # pytest shows it where a test fails.
        sys.stderr.write(f"{' '.join(command)} -> {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def cut_off(self, task: str, at: str, number: signal.Signals) -> int:
        """Run ``task`` until it says ``at``, send it ``number``, and wait; its exit code."""
        process = subprocess.Popen(
            self.argv("./inv", task),
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
            argv = self.argv("./inv", *words)
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
        copied(user.clone)
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


def theirs_alone(user: User) -> list[str]:
    """What somebody else owns in the user's home; vagrant-lxc's own copy of a file beside it apart."""
    found = [
        path for path in user.home.rglob("*") if path.lstat().st_uid != user.home.stat().st_uid
    ]
    return [str(path) for path in found if path.name != "lxc-config.backup"]
