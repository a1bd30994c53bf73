"""Running the programs that make things: the output is kept, shown as progress, and quoted in errors.

Vantages are for looking and never fail; this is for doing, where a failure must stop the work.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from hostonly.environment import environment
from hostonly.errors import ToolFailed, bare
from hostonly.host import downloads
from hostonly.host.ending import ended_by, send
from hostonly.vantages.vantage import shown
from hostonly.waiting import limit, more_patience

# Comes out of the queue of lines when the work beside which a tool runs has failed.
ENDED = "ended"

# sudo(8), of 1.9: the user is asked in vain, cannot be asked, or may not.
REFUSED = (
    "sudo: a password is required",
    "incorrect password attempt",
    "is not in the sudoers file",
    "is not allowed to execute",
    "may not run sudo",
)
# What to do where sudo lets us run nothing.
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
    ) -> str: ...


def as_root(argv: Sequence[str]) -> list[str]:
    """``argv`` with ``sudo`` before it unless this process is root already."""
    if os.geteuid() == 0:
        return list(argv)
    return ["sudo", "-n", *argv] if _sudo_asks_nothing() else ["sudo", *argv]


def _sudo_asks_nothing() -> bool:
    # Asked each time: sudo forgets a password after some minutes.
    nothing = subprocess.DEVNULL
    try:
        asked = subprocess.run(
            ["sudo", "-n", "true"], stdin=nothing, stdout=nothing, stderr=nothing
        )
    except OSError:
        return False
    return asked.returncode == 0


def ask_for_root() -> None:
    """Where sudo wants a password, have it asked for now and here, and not behind a program's back.

    Without one it is as it was: what needs root fails by itself, and says so.
    """
    if os.geteuid() != 0:
        with contextlib.suppress(ToolFailed):
            run(["true"], root=True)


def unsetting(*prefixes: str, kept: Sequence[str] = ()) -> list[str]:
    """The words of `env` that keep from a program what of our environment begins with one of the
    ``prefixes``, but for the variables ``kept``."""
    theirs = [name for name in os.environ if name.startswith(prefixes) and name not in kept]
    return ["env", *(word for name in theirs for word in ("-u", name))]


def run(
    argv: Sequence[str],
    *,
    root: bool = False,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
    begun: subprocess.Popen[str] | None = None,
) -> str:
    """Run ``argv`` to its end and give its standard output.

    ``root``: run by sudo where we are not root. ``env`` is added to our own environment.
    ``timeout`` is a limit in seconds. ``on_line`` gets each line of both streams as it comes. ``begun`` is
    what `start` has made of the same ``argv`` already.

    Raises:
        ToolFailed: it could not be started, exited with another status than 0, took too long or could
            not be ended; it carries the command and its last lines.
    """
    command = as_root(argv) if root else list(argv)
    process = begun or start(command, cwd=cwd, env=env, stdin=stdin)
    try:
        return _follow(process, command, stdin, timeout, on_line)
    finally:
        if process.poll() is None:
            end(process)


def start(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> subprocess.Popen[str]:
    """Start ``command`` as `run` does, for whoever will follow it or `end` it.

    Raises:
        ToolFailed: it could not be started.
    """
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment({**os.environ, **(env or {})}),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # A Ctrl-C is ours to pass on; except to a sudo that has to ask at the terminal.
            process_group=None if command[0] == "sudo" and command[1] != "-n" else 0,
        )
    except OSError as error:
        raise ToolFailed(
            f"{command[0]} cannot be run: {error.strerror}", ran=shown(command)
        ) from error


def end(process: subprocess.Popen[str]) -> None:
    """End ``process`` as a Ctrl-C would, and wait; kill it when it does not end in time.

    What it has started in its process group ends with it: a shell's children ignore a Ctrl-C.
    """
    if process.poll() is not None:
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        send(process, number)
        if _ends_within(process, limit(PATIENCE_SECONDS / 2)):
            break
    if process.returncode is not None:
        # It had ended before it was told to, and telling it has waited for it.
        return
    # The process itself is not waited for yet, so its group's number cannot be somebody else's.
    send(process, signal.SIGKILL)
    try:
        process.wait(limit(PATIENCE_SECONDS / 2))
    except subprocess.TimeoutExpired:
        # Root's, and sudo wants its password again.
        raise ToolFailed(
            f"process {process.pid} was told to end and is still there",
            ran=shown(process.args) if isinstance(process.args, list) else str(process.args),
            remedy=f"sudo kill -KILL {process.pid}",
        ) from None


def _ends_within(process: subprocess.Popen[str], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # Who leads no group is told by `Popen`, which waits for one that has ended meanwhile.
        if process.returncode is not None:
            return True
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return True
        time.sleep(0.02)
    return False


def _follow(
    process: subprocess.Popen[str],
    command: Sequence[str],
    stdin: str | None,
    timeout: float | None,
    on_line: Callable[[str], None] | None,
) -> str:
    lines: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
    with ended_by(lambda: lines.put((ENDED, ""))):
        return _read(process, command, stdin, timeout, on_line, lines)


def _read(
    process: subprocess.Popen[str],
    command: Sequence[str],
    stdin: str | None,
    timeout: float | None,
    on_line: Callable[[str], None] | None,
    lines: queue.SimpleQueue[tuple[str, str] | None],
) -> str:
    deadline = None if timeout is None else time.monotonic() + limit(timeout)

    def read(name: str, stream: IO[str]) -> None:
        for line in stream:
            lines.put((name, line))
        lines.put(None)

    assert process.stdout is not None and process.stderr is not None
    for name, stream in (("out", process.stdout), ("err", process.stderr)):
        threading.Thread(target=read, args=(name, stream), daemon=True).start()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(stdin or "")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    # Whose line came first is not known of two pipes; the reason of a failure is told in the second.
    out: list[str] = []
    err: list[str] = []
    still_open = 2
    while still_open:
        left = None if deadline is None else deadline - time.monotonic()
        try:
            item = lines.get(timeout=left if left is None else max(left, 0.001))
        except queue.Empty:
            end(process)
            raise ToolFailed(
                f"{command[0]} took longer than {limit(timeout or 0):g} s and was ended",
                ran=shown(command),
                output="".join(out + err),
                remedy=more_patience(),
            ) from None
        if item is None:
            still_open -= 1
            continue
        name, line = item
        if name == ENDED:
            end(process)
            raise ToolFailed(
                f"{command[0]} was ended", ran=shown(command), output="".join(out + err)
            )
        (out if name == "out" else err).append(line)
        if on_line is not None:
            on_line(bare(line.rstrip("\n")))
    status = process.wait()
    if status != 0:
        said = "".join(out + err)
        if trouble := downloads.trouble(command, said, os.environ):
            raise ToolFailed(
                f"{downloads.tool_in(command)}: {trouble.what}",
                ran=shown(command),
                output=downloads.telling(said),
                remedy=trouble.remedy,
            )
        raise ToolFailed(
            f"{Path(command[0]).name} failed with exit status {status}",
            ran=shown(command),
            output=said,
            remedy=NO_SUDO if command[0] == "sudo" and _refused("".join(err)) else None,
        )
    return "".join(out)


def _refused(said: str) -> bool:
    """Whether it was sudo itself that ``said`` no; in English, as all programs of ours speak."""
    return any(words in said for words in REFUSED)


def find(program: str) -> Path | None:
    """Where ``program`` is, also in the system directories that an ordinary user's PATH lacks."""
    found = shutil.which(program, path=environment(os.environ)["PATH"])
    return Path(found) if found else None
