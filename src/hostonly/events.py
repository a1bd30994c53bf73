"""Events: the library's reports while it works.

The library never prints (docs/architecture.md, rule 7): a caller who wants to follow passes an
``Emit``, and the task layer passes one that renders. An event is a frozen value, so that a renderer
can keep it, and tests can compare it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events; a renderer ignores the kinds it does not know."""


@dataclass(frozen=True, slots=True)
class Started(Event):
    """Work that may take over two seconds has begun: ``what`` is shown until the next event."""

    what: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """A line of detail about the work that was last ``Started`` (a tool's own output line, say)."""

    line: str


@dataclass(frozen=True, slots=True)
class Done(Event):
    """A piece of work has ended: a sentence in the past tense, with ``seconds`` when measured."""

    what: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unchanged(Event):
    """A piece of work was not needed: the sentence says why (``image.build``: "unchanged")."""

    what: str


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something the user should know although the work goes on."""

    what: str


Emit: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Drop ``event``: the ``Emit`` of callers who follow nothing."""
