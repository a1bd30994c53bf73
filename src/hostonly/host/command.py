"""Commands that make things: their output is kept, shown as progress, and quoted in errors.

Vantages only look, and never fail; here something is done, and a failure must stop the work. Only
the standard library is imported: the bootstrap uses this module before there is a ``.venv``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hostonly import process
from hostonly.environment import environment
from hostonly.errors import ToolFailed, bare
from hostonly.host import downloads
from hostonly.process import LATE, Completed, Process, as_root, follow, send
from hostonly.vantages.vantage import shown
from hostonly.waiting import limit, more_patience, until

# Words of sudo(8) 1.9: the password is wrong, nobody can be asked for it, or the user may not.
REFUSED = (
    "sudo: a password is required",
    "incorrect password attempt",
    "is not in the sudoers file",
    "is not allowed to execute",
    "may not run sudo",
)
# The remedy where sudo lets us run nothing.
NO_SUDO = (
    "This needs root. Call it at a terminal, where sudo can ask for your password, or first: sudo -v"
    "   Where you may not use sudo at all: as root."
)

# A tool that is told to end may have something to put back in order.
PATIENCE_SECONDS = 20.0


class Run(Protocol):
    """The shape of ``run``, for code that takes it as a parameter."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> str:
        """Run ``argv`` to its end and return its standard output."""


def ask_for_root() -> None:
    """Let sudo ask for its password now and here, and not behind a program's output.

    Without a password nothing changes: whatever needs root fails by itself, and says so.
    """
    if os.geteuid() != 0:
        with contextlib.suppress(ToolFailed):
            run(["true"], root=True)


def unsetting(*prefixes: str, kept: Sequence[str] = ()) -> list[str]:
    """Return an ``env`` command that hides our variables that begin with one of ``prefixes``.

    The variables ``kept`` are not hidden.
    """
    theirs = [name for name in os.environ if name.startswith(prefixes) and name not in kept]
    return ["env", *(word for name in theirs for word in ("-u", name))]


def run(
    argv: Sequence[str],
    *,
    root: bool = False,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
    held: Sequence[int] = (),
    begun: Process | None = None,
) -> str:
    """Run ``argv`` to its end and return its standard output.

    ``root``: run by sudo where we are not root. ``timeout`` is a limit in seconds. ``on_line`` gets
    each line of both streams as it comes. ``begun`` is the process that ``start`` has already made
    of the same ``argv``; for ``env`` and ``held`` see ``process.start``.

    Raises:
        ToolFailed: it could not be started, exited with another status than 0, took too long or
            could not be ended; it carries the command and its last lines.
    """
    command = as_root(argv) if root else list(argv)
    running = begun or start(command, cwd=cwd, env=env, stdin=stdin is not None, held=held)
    follower = None if on_line is None else lambda line: on_line(bare(line))
    done = follow(running, end, stdin=stdin, seconds=timeout, on_line=follower)
    if done.cut is None and done.status == 0:
        return done.stdout
    raise _failure(command, done, timeout or 0)


def _failure(command: list[str], done: Completed, timeout: float) -> ToolFailed:
    # The reason of a failure is told in the second stream.
    ran, said = shown(command), done.stdout + done.stderr
    if done.cut is not None:
        late = done.cut == LATE
        took = f" took longer than {limit(timeout):g} s and" if late else ""
        remedy = more_patience() if late else None
        return ToolFailed(f"{command[0]}{took} was ended", ran=ran, output=said, remedy=remedy)
    if trouble := downloads.trouble(command, said, os.environ):
        what, said = f"{downloads.tool_in(command)}: {trouble.what}", downloads.telling(said)
        return ToolFailed(what, ran=ran, output=said, remedy=trouble.remedy)
    return ToolFailed(
        f"{Path(command[0]).name} failed with exit status {done.status}",
        ran=ran,
        output=said,
        remedy=NO_SUDO if command[0] == "sudo" and _refused(done.stderr) else None,
    )


def start(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: bool = False,
    held: Sequence[int] = (),
) -> Process:
    """Start ``command`` as ``run`` does, for a caller who will follow it or ``end`` it.

    Raises:
        ToolFailed: it could not be started.
    """
    try:
        return process.start(command, cwd=cwd, env=env, stdin=stdin, held=held)
    except OSError as error:
        raise ToolFailed(
            f"{command[0]} cannot be run: {error.strerror}", ran=shown(command)
        ) from error


def end(running: Process) -> None:
    """End ``running`` as a Ctrl-C would, and wait; kill it when it does not end in time.

    All that it has started in its process group ends too: a shell's children ignore a Ctrl-C.

    Raises:
        ToolFailed: it is still there.
    """
    if running.poll() is not None:
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        send(running, number)
        if until(lambda: _has_ended(running), bool, PATIENCE_SECONDS / 2, pause=0.02):
            break
    if running.returncode is not None:
        # It had ended before it was told to, and telling it has waited for it.
        return
    # The process itself is not waited for yet, so its group's number cannot be somebody else's.
    send(running, signal.SIGKILL)
    try:
        running.wait(limit(PATIENCE_SECONDS / 2))
    except subprocess.TimeoutExpired:
        # Root's, and sudo wants its password again.
        raise ToolFailed(
            f"process {running.pid} was told to end and is still there",
            ran=shown(running.args) if isinstance(running.args, list) else str(running.args),
            remedy=f"sudo kill -KILL {running.pid}",
        ) from None


def _has_ended(running: Process) -> bool:
    # `Popen` tells of one that leads no group, and waits for one that has ended.
    if running.returncode is not None:
        return True
    return os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _refused(said: str) -> bool:
    """Return whether sudo itself ``said`` no; in English, as all programs of ours speak."""
    return any(words in said for words in REFUSED)


def find(program: str) -> Path | None:
    """Return the path of ``program``, also from system directories that a user's PATH lacks."""
    found = shutil.which(program, path=environment(os.environ)["PATH"])
    return Path(found) if found else None
