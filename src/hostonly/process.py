"""Programs that we run: started in our environment, followed to their end, and ended before it.

``hostonly.vantages.host`` looks by them and never fails; ``hostonly.host.command`` acts by them,
and raises where one failed. Standard library only: the bootstrap uses this before there is a
``.venv``.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from hostonly.background import ended_by
from hostonly.environment import environment
from hostonly.waiting import limit

# Time that sudo may take to say whether it would ask.
SUDO_SECONDS = 10.0
# How long pipes may stay open after their program was ended: a descendant may still have them.
DRAIN_SECONDS = 1.0

# Why a program was ended: its limit struck, or the work beside which it ran has failed.
LATE, UNWANTED = "late", "unwanted"
OUT, ERR = "out", "err"

Process: TypeAlias = subprocess.Popen[bytes]
Lines: TypeAlias = queue.SimpleQueue[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that has ended, and what it printed.

    ``status`` is its exit status, or -N where signal N killed it; ``cut`` is why we ended it, if so
    (``LATE``, ``UNWANTED``).
    """

    status: int
    stdout: str
    stderr: str
    cut: str | None = None


def as_root(argv: Sequence[str], *, ask: bool = True, prompt: str | None = None) -> list[str]:
    """Put ``sudo`` before ``argv`` unless this process is root already.

    Where sudo needs a password it asks for it at the terminal, with the words of ``prompt``;
    without ``ask`` it fails.
    """
    if os.geteuid() == 0:
        return list(argv)
    if not ask or _sudo_asks_nothing():
        return ["sudo", "-n", *argv]
    return ["sudo", *([] if prompt is None else ["-p", prompt]), *argv]


def _sudo_asks_nothing() -> bool:
    # Asked each time: sudo forgets a password after some minutes.
    try:
        return run(["sudo", "-n", "true"], seconds=SUDO_SECONDS).status == 0
    except OSError:
        return False


def run(
    argv: Sequence[str],
    *,
    seconds: float,
    env: Mapping[str, str | None] | None = None,
    stdin: str | None = None,
) -> Completed:
    """Run ``argv``, which is killed with its process group at the limit of ``seconds``.

    Raises:
        OSError: it could not be started.
    """
    process = start(argv, env=env, stdin=stdin is not None)
    return follow(process, kill, stdin=stdin, seconds=seconds)


def start(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: bool = False,
    held: Sequence[int] = (),
) -> Process:
    """Start ``argv`` for a caller who will ``follow`` it.

    ``env`` is added to our own environment; a variable that is None there is removed. ``stdin``:
    something will be written to it; otherwise its input is empty. ``held``: descriptors that it
    inherits.

    Raises:
        OSError: it could not be started.
    """
    variables = {**os.environ, **(env or {})}
    return subprocess.Popen(
        argv,
        cwd=cwd,
        env=environment({name: value for name, value in variables.items() if value is not None}),
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=held,
        # A group of its own, so that it is ended with all that it has started, and a Ctrl-C is ours
        # to pass on; but for a sudo that asks at the terminal. No session: sudo knows a given
        # password by it.
        process_group=None if argv[0] == "sudo" and argv[1] != "-n" else 0,
    )


def follow(
    process: Process,
    ending: Callable[[Process], None],
    *,
    stdin: str | None = None,
    seconds: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Wait for the end of ``process``, write ``stdin`` to it and read from it meanwhile.

    ``ending`` ends it: at the limit of ``seconds``, where the ``Background`` that this runs in must
    end, and where an exception comes between. ``on_line`` gets each line as it comes.
    """
    lines: Lines = queue.SimpleQueue()
    _exchange(process, stdin, lines)
    deadline = None if seconds is None else time.monotonic() + limit(seconds)
    # The order of lines of two pipes is not known.
    said: dict[str, list[str]] = {OUT: [], ERR: []}
    still_open, cut = set(said), None
    try:
        with ended_by(lambda: lines.put((UNWANTED, None))):
            while still_open:
                name, line = _next(lines, deadline)
                if line is not None:
                    said[name].append(line)
                    if on_line is not None:
                        on_line(line.rstrip("\r\n"))
                elif name in said:
                    still_open.discard(name)
                elif cut is None:
                    cut, deadline = name, time.monotonic() + DRAIN_SECONDS
                    ending(process)
                elif name == LATE:
                    break
        if cut is None and not _ends_by(process, deadline):
            cut = LATE
    finally:
        if process.poll() is None:
            ending(process)
    status = -signal.SIGKILL if process.returncode is None else process.returncode
    return Completed(status, "".join(said[OUT]), "".join(said[ERR]), cut)


def _exchange(process: Process, stdin: str | None, lines: Lines) -> None:
    """Begin to write ``stdin`` to ``process``, and to read its streams into ``lines``.

    Each line comes with the name of its stream, and None where that has ended.
    """

    def read(name: str, stream: IO[bytes]) -> None:
        # Lines as they are: a vantage wants to see a carriage return as well.
        for line in io.TextIOWrapper(stream, "utf-8", "replace", newline=""):
            lines.put((name, line))
        lines.put((name, None))

    def write(text: str, stream: IO[bytes]) -> None:
        with contextlib.suppress(BrokenPipeError), stream:
            stream.write(text.encode())

    for work, told, stream in (
        (read, OUT, process.stdout),
        (read, ERR, process.stderr),
        (write, stdin or "", process.stdin),
    ):
        if stream is not None:
            threading.Thread(target=work, args=(told, stream), daemon=True).start()


def _next(lines: Lines, deadline: float | None) -> tuple[str, str | None]:
    left = None if deadline is None else max(deadline - time.monotonic(), 0)
    try:
        return lines.get(timeout=left)
    except queue.Empty:
        return LATE, None


def _ends_by(process: Process, deadline: float | None) -> bool:
    try:
        process.wait(None if deadline is None else max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        return False
    return True


def kill(process: Process) -> None:
    """Kill ``process`` and what it has started, where we may."""
    send(process, signal.SIGKILL)
    _ends_by(process, time.monotonic() + DRAIN_SECONDS)


def send(process: Process, number: int) -> None:
    """Send a signal to ``process``, and to its group where it leads one.

    A program that sudo runs is root's: another sudo signals it, if that asks for no password.
    """
    with contextlib.suppress(ProcessLookupError):
        leads = os.getpgid(process.pid) == process.pid
        if isinstance(process.args, list) and process.args[0] == "sudo":
            # sudo itself would take a signal and drop it: it passes on none from its caller's
            # group.
            subprocess.run(
                [
                    *("sudo", "-n", "kill", f"-{signal.Signals(number).name[3:]}", "--"),
                    f"-{process.pid}" if leads else str(process.pid),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Not a session of its own: a password that was given is known by its terminal.
                process_group=0,
                check=False,
            )
        elif leads:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
