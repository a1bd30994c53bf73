"""A case of the suite: a name, a sentence about what a server does, and a function to try it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

# What tries a case: a function of a ``Target`` or a ``Starter`` (subject.py).
Check = TypeVar("Check", bound=Callable[..., str])


class Wrong(Exception):
    """The server does not do what the case's sentence says; the message says what was seen."""


class NotPossible(Exception):
    """The case cannot be tried here; the message names the missing capability."""


class CaseOutcome(enum.StrEnum):
    """The outcome of a case, tried or skipped."""

    PASSES = "PASSES"
    FAILS = "FAILS"
    SKIPPED = "SKIPPED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Case:
    """A case: ``check`` is the function that tries whether a server does what ``sentence`` says.

    ``check`` gets a running server (``Target``), or with ``starts`` a ``Starter``. It returns in
    half a line what it saw, and raises ``Wrong`` or ``NotPossible``."""

    name: str
    sentence: str
    starts: bool
    check: Callable[..., str]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The result of a case: its ``outcome``, in ``because`` the reason, and its duration."""

    case: Case
    outcome: CaseOutcome
    because: str
    seconds: float


# Every case, by name, in the order in which they are tried.
CASES: dict[str, Case] = {}


def of_running(name: str, sentence: str) -> Callable[[Check], Check]:
    """Register the function below as a case for a server that runs, a ``Target``."""
    return _registering(name, sentence, starts=False)


def of_started(name: str, sentence: str) -> Callable[[Check], Check]:
    """Register the function below as a case that starts servers of its own, by a ``Starter``."""
    return _registering(name, sentence, starts=True)


def _registering(name: str, sentence: str, *, starts: bool) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CASES[name] = Case(name, sentence, starts, check)
        return check

    return register


def require(holds: object, otherwise: str) -> None:
    """Raise ``Wrong`` with the message ``otherwise`` unless ``holds``."""
    if not holds:
        raise Wrong(otherwise)
