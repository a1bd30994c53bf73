"""The one shape of a vantage, and of the result of a command run there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hostonly.waiting import more_patience

# The exit status of a command that was not there, and of one that outlived its time limit, as a
# shell and `timeout` have them.
NOT_FOUND = 127
TIMED_OUT = 124


MASK = "********"
# What is a secret wherever it turns up: Docker's token for joining a swarm, also when it was cut off
# in the middle. Whoever has it can become a member, and a manager hands out the swarm's secrets.
CONFIDENTIAL = re.compile(r"SWMTKN-[0-9A-Za-z-]*")


class Secret(str):
    """A word of a command line that is run and never shown."""

    __slots__ = ()


def shown(argv: Sequence[str]) -> str:
    """Return the command line that somebody could type to run ``argv``, without its secrets."""
    words = (MASK if isinstance(word, Secret) else shlex.quote(word) for word in argv)
    return CONFIDENTIAL.sub(MASK, " ".join(words))


def typed(argv: Sequence[str]) -> str:
    """Return the command line with its secrets: for a transport to hand on, never to be shown."""
    return shlex.join(argv)


def typed_on_host(prompt: str, argv: Sequence[str]) -> str:
    """Return what a person types in a shell of the host to run ``argv`` on a machine.

    ``prompt`` is the machine: ``host``, ``sandbox``, ``sandbox2``."""
    if prompt == "host":
        return shown(argv)
    machine = () if prompt == "sandbox" else ("--machine", prompt)
    return shown(("./inv", "sandbox.exec", *machine, "--", *argv))


@dataclass(frozen=True, slots=True)
class Result:
    """What one command did, as it was run: evidence.

    ``vantage`` is the name of the place (``host``, ``sandbox``, ``container web``). ``prompt``
    names the machine in whose shell the ``command`` can be typed (``host``, ``sandbox``). ``exit``
    is the command's own status: 127 where it was not found, 124 where it outlived its time limit;
    its partial output is then kept. ``seconds`` is wall-clock time.

    What is confidential in the output is replaced before anybody can record it; ``secrets`` has
    what was replaced, in the order in which it was printed, and is part of no report."""

    vantage: str
    prompt: str
    command: str
    exit: int
    stdout: str
    stderr: str
    seconds: float
    secrets: tuple[Secret, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        """Take the secrets out of what was printed."""
        found = CONFIDENTIAL.findall(self.stdout) + CONFIDENTIAL.findall(self.stderr)
        if found:
            # The one time that this value is written to, before anybody has it.
            object.__setattr__(self, "secrets", (*self.secrets, *map(Secret, found)))
            object.__setattr__(self, "stdout", CONFIDENTIAL.sub(MASK, self.stdout))
            object.__setattr__(self, "stderr", CONFIDENTIAL.sub(MASK, self.stderr))

    @property
    def ok(self) -> bool:
        """Whether the command ended with status 0."""
        return self.exit == 0

    @property
    def failure(self) -> str:
        """The failure of the command, as half a sentence: its status and what it said last.

        Of a command that outlived its limit it says that, and what to do."""
        last = (self.stderr.strip() or self.stdout.strip()).splitlines()
        why = f": {last[-1]}" if last else ""
        if self.exit == TIMED_OUT:
            limit = f"`{self.command}` was given up after {self.seconds:.0f} s"
            return f"{limit}{why} ({more_patience()})"
        return f"`{self.command}` exited with {self.exit}{why}"

    @property
    def output(self) -> str:
        """Standard output, then standard error, as a person at a terminal would have seen them."""
        return self.stdout + self.stderr


class Vantage(Protocol):
    """A place from which commands are run, by several threads at once too."""

    @property
    def name(self) -> str:
        """The name in reports: ``host``, ``sandbox``, ``container web``."""
        ...

    @property
    def prompt(self) -> str:
        """The machine in whose shell the shown commands can be typed: ``host``, ``sandbox``."""
        ...

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Run ``argv`` (never a shell line) and return its ``Result``, whatever its exit status.

        Without ``stdin`` the command reads an empty one.

        Raises:
            hostonly.errors.Unreachable: the place itself could not be reached, so that nothing is
                known of the command; never for a command that merely failed.
        """
        ...
