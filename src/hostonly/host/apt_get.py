"""Running apt-get: its progress is shown, and what it has begun it may carry through.

Only the standard library is imported here: the bootstrap uses this module (through
`hostonly.host.packages`) before there is a `.venv`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Sequence

from hostonly.environment import environment
from hostonly.errors import ToolFailed, bare
from hostonly.events import Emit, Progress, Started
from hostonly.host.ending import ended_by, send
from hostonly.waiting import limit, more_patience

WORTH_SHOWING = re.compile(r"Get:|Unpacking |Setting up |Waiting for cache lock|E: |W: ")

# Long enough for a slow line; then it is an error and not a hang.
APT_SECONDS = 1800


def run(command: Sequence[str], emit: Emit) -> tuple[int, str]:
    """Run an apt-get, showing its progress: exit code and all it said.

    Raises `ToolFailed` when it cannot be started or takes too long.
    """
    from threading import Timer

    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(os.environ),
            encoding="utf-8",
            errors="replace",
            # A sudo that has to ask must be the terminal's; else a signal is ours to pass on.
            process_group=None if command[0] == "sudo" and command[1] != "-n" else 0,
        )
    except OSError as error:
        raise ToolFailed(
            f"{command[0]} cannot be run: {error.strerror}", ran=shlex.join(command)
        ) from error
    late = False

    def give_up() -> None:
        nonlocal late
        late = True
        send(process, signal.SIGTERM)

    timer = Timer(limit(APT_SECONDS), give_up)
    timer.daemon = True
    timer.start()

    def ask_to_end() -> None:
        # A download ends at once. What dpkg has begun, apt-get carries through: killed half-way, it
        # would leave packages that somebody has to repair.
        emit(Started("waiting for apt-get to end what it has begun"))
        send(process, signal.SIGINT)

    lines: list[str] = []
    try:
        assert process.stdout is not None
        with ended_by(ask_to_end):
            for line in process.stdout:
                lines.append(line)
                if WORTH_SHOWING.match(line):
                    emit(Progress(bare(line.rstrip())))
            code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            ask_to_end()
            # Read on: nobody can end who waits for a reader.
            for _ in process.stdout or ():
                pass
            process.wait()
    if late:
        raise ToolFailed(
            f"apt-get took longer than {limit(APT_SECONDS):g} s",
            ran=shlex.join(command),
            output="".join(lines),
            remedy=more_patience(),
        )
    return code, "".join(lines)
