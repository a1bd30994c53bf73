"""The one shape of a vantage, and of what a command run there gave."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# The exit status of a command that was not there, and of one that outlived its time limit, as a
# shell and `timeout` have them.
NOT_FOUND = 127
TIMED_OUT = 124


def shown(argv: Sequence[str]) -> str:
    """The command line that somebody could type to run exactly ``argv``."""
    return shlex.join(argv)


@dataclass(frozen=True, slots=True)
class Result:
    """What one command did, as it was run: evidence.

    ``vantage`` is the name of the place (``host``, ``sandbox``, ``container web``); ``prompt`` names
    the machine whose shell the ``command`` can be typed in (``host``, ``sandbox``); ``exit`` is the
    command's own status, 127 when it was not found, 124 when it outlived its time limit, whose
    partial output is kept; ``seconds`` is wall-clock time.
    """

    vantage: str
    prompt: str
    command: str
    exit: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the command ended with status 0."""
        return self.exit == 0

    @property
    def output(self) -> str:
        """Standard output, then standard error, as a person at a terminal would have seen them."""
        return self.stdout + self.stderr


class Vantage(Protocol):
    """A place from which commands are run. Safe to use from several threads at once."""

    @property
    def name(self) -> str:
        """What reports call this place: ``host``, ``sandbox``, ``container web``."""
        ...

    @property
    def prompt(self) -> str:
        """The machine in whose shell the shown commands can be typed: ``host``, ``sandbox``."""
        ...

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Run ``argv`` (never a shell line) and give its ``Result``, whatever its exit status.

        Without ``stdin`` the command reads an empty one.

        Raises:
            hostonly.errors.Unreachable: the place itself could not be reached, so that nothing is
                known of the command; never for a command that merely failed.
        """
        ...
