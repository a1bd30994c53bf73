"""The host: commands run as processes of this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hostonly import process
from hostonly.errors import Unreachable
from hostonly.process import LATE
from hostonly.vantages.vantage import NOT_FOUND, TIMED_OUT, Result, shown


class Host:
    """The machine that this program runs on."""

    name = "host"
    prompt = "host"

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Run ``argv`` in a process group of its own; kill it at the limit of ``timeout`` seconds.

        Raises:
            hostonly.errors.Unreachable: this machine could not start a process at all.
        """
        start = time.monotonic()

        def result(status: int, out: str, err: str) -> Result:
            seconds = time.monotonic() - start
            return Result(self.name, self.prompt, shown(argv), status, out, err, seconds)

        try:
            done = process.run(list(argv), seconds=timeout, stdin=stdin)
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_FOUND - 1
            return result(status, "", f"{argv[0]}: {error.strerror}\n")
        except OSError as error:
            raise Unreachable(
                f"the host could not start a process: {error}", ran=shown(argv)
            ) from error
        # A program killed by signal N has status -N here and 128+N in a shell.
        status = done.status if done.status >= 0 else 128 - done.status
        return result(TIMED_OUT if done.cut == LATE else status, done.stdout, done.stderr)
