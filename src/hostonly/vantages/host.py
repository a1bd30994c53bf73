"""This machine: commands run as subprocesses."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence

from hostonly.environment import environment
from hostonly.errors import Unreachable
from hostonly.vantages.vantage import NOT_FOUND, TIMED_OUT, Result, shown
from hostonly.waiting import limit

# How long the pipes may stay open after the whole process group was killed.
DRAIN_SECONDS = 1.0


class Host:
    """The machine that this program runs on."""

    name = "host"
    prompt = "host"

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Run ``argv`` in a process group of its own, which is killed whole at the limit of ``timeout``
        seconds.

        Raises:
            hostonly.errors.Unreachable: this machine could not start a process at all.
        """
        start = time.monotonic()
        env, root = environment(os.environ), os.geteuid() == 0
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                # A group of its own can be killed whole. Where sudo is needed it stays in our session:
                # that a password was given is known by the terminal.
                start_new_session=root,
                process_group=None if root else 0,
            )
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_FOUND - 1
            return self._result(argv, status, b"", f"{argv[0]}: {error.strerror}\n".encode(), start)
        except OSError as error:
            raise Unreachable(
                f"the host could not start a process: {error}", ran=shown(argv)
            ) from error
        data = None if stdin is None else stdin.encode()
        try:
            out, err = process.communicate(data, timeout=limit(timeout))
            status = process.returncode
        except subprocess.TimeoutExpired:
            out, err = _kill(process)
            status = TIMED_OUT
        except BaseException:
            _kill(process)
            raise
        # A program killed by signal N has status -N here and 128+N in a shell.
        return self._result(argv, status if status >= 0 else 128 - status, out, err, start)

    def _result(
        self, argv: Sequence[str], status: int, out: bytes, err: bytes, start: float
    ) -> Result:
        return Result(
            self.name,
            self.prompt,
            shown(argv),
            status,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
            time.monotonic() - start,
        )


def _kill(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Kill the process group that we made for ``process``; what it had printed until then."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=DRAIN_SECONDS)
    except subprocess.TimeoutExpired as left_open:
        # A descendant in a session of its own still holds the pipes.
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        return left_open.stdout or b"", left_open.stderr or b""
