"""The outcome of an attempt to do something: let in, refused, or nothing there to try it on.

The sentences are those of strerror(3) and of dash, util-linux and coreutils in the C locale; a
command that fails in any other way tells nothing about permission, and is not observed. System
calls are made by perl (perlfunc, ``syscall``), which every Debian has."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from hostonly.facts.fact import Fact, NotObserved, Observed
from hostonly.facts.questions import ROOT, Question
from hostonly.vantages import Result


class AttemptOutcome(enum.StrEnum):
    """The outcome of an attempt, in the words that a report prints."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    ABSENT = "not there"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to do ``what``; ``said`` is the line that refused it, empty if it was allowed."""

    what: str
    outcome: AttemptOutcome
    said: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.said or self.outcome}"


REFUSALS = ("operation not permitted", "permission denied", "read-only file system")
ABSENCES = (
    "no such file or directory",
    "directory nonexistent",
    "unknown filesystem type",
    "function not implemented",
)

# EPERM, EACCES and ENOSYS are the same numbers on all of Linux. Any other error comes after the
# kernel has let the caller in, and was asked for: the arguments are such that nothing happens.
SYSTEM_CALL = (
    "{setup}$r = syscall({number}, {arguments}); $e = $!+0; "
    '$r == -1 && ($e == 1 || $e == 13 || $e == 38) && die "{name}: $!\\n"; print "let in\\n"'
)


def read_attempt(what: str, result: Result) -> Fact[Attempt]:
    """Read from its ``result`` the outcome of the attempt to ``what``."""
    if result.ok:
        return Observed(Attempt(what, AttemptOutcome.ALLOWED), (result,))
    for line in result.stderr.splitlines():
        for outcome, sentences in (
            (AttemptOutcome.REFUSED, REFUSALS),
            (AttemptOutcome.ABSENT, ABSENCES),
        ):
            if any(sentence in line.lower() for sentence in sentences):
                return Observed(Attempt(what, outcome, line.strip()), (result,))
    return NotObserved(result.failure, (result,))


def attempt(what: str, argv: Sequence[str]) -> Question[Attempt]:
    """Ask for the outcome of ``argv``, the attempt to ``what``."""
    return Question(tuple(argv), lambda result: read_attempt(what, result))


def system_call(name: str, number: int, arguments: str, setup: str = "") -> tuple[str, ...]:
    """Return the command for system call ``number``; ``setup`` and ``arguments`` are perl."""
    script = SYSTEM_CALL.format(name=name, number=number, arguments=arguments, setup=setup)
    return (*ROOT, "perl", "-e", script)
