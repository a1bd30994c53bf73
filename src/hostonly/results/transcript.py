"""Events that tell of a demo or a check while it is run: its steps and its claims."""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.claims import ClaimResult
from hostonly.events import Event
from hostonly.results.judged import DemoResult
from hostonly.vantages import Result


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """The start of a command; ``prompt`` names the machine whose shell it can be typed in."""

    prompt: str
    command: str


@dataclass(frozen=True, slots=True)
class StepEnded(Event):
    """A command was run."""

    result: Result


@dataclass(frozen=True, slots=True)
class ClaimJudged(Event):
    """A claim was judged."""

    claim: ClaimResult


@dataclass(frozen=True, slots=True)
class DemoStarted(Event):
    """A demo is about to be run."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True)
class DemoEnded(Event):
    """A demo was run and cleared up after."""

    result: DemoResult
