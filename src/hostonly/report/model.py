"""What a demo or a check came to: result types only, and the events that tell of them on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hostonly.claims import ClaimResult, Verdict, worst
from hostonly.events import Event
from hostonly.vantages import Result

# 0 all hold, 1 a claim fails, 3 something could not be observed or done.
EXIT_CODES = {Verdict.HOLDS: 0, Verdict.SKIPPED: 0, Verdict.FAILS: 1, Verdict.UNKNOWN: 3}


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """The exit code of a task that came to these ``verdicts``; of none at all, 3."""
    return EXIT_CODES[worst(verdicts)]


@dataclass(frozen=True, slots=True)
class SandboxAbout:
    """Which sandbox was looked at; ``engine`` is the engine's version as it writes it."""

    name: str
    provider: str
    address: str
    engine: str


@dataclass(frozen=True, slots=True)
class DemoResult:
    """A demo that was run. ``kept`` are the commands that remove what ``--keep`` left."""

    name: str
    summary: str
    sandbox: SandboxAbout
    steps: tuple[Result, ...]
    claims: tuple[ClaimResult, ...]
    seconds: float
    kept: tuple[str, ...] = ()
    interrupt: KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of the claims; UNKNOWN when none was judged."""
        return worst(claim.verdict for claim in self.claims)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check: claims without steps. ``seconds`` is wall-clock time, ``namespace`` that of its task."""

    name: str
    claims: tuple[ClaimResult, ...]
    seconds: float
    namespace: str = "check"

    @property
    def verdict(self) -> Verdict:
        """The worst of the claims; UNKNOWN when none was judged."""
        return worst(claim.verdict for claim in self.claims)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the matrix. ``expected`` and ``observed`` are outcomes such as ``REFUSED``; None
    was observed where nothing is known. ``reason`` says why it is expected, and ``claim`` how it
    was judged, with the evidence."""

    mode: str
    vantage: str
    target: str
    expected: str
    observed: str | None
    reason: str
    claim: ClaimResult


@dataclass(frozen=True, slots=True)
class MatrixResult:
    """The matrix as it was measured. ``options`` are what each mode's container was run with;
    ``claims`` are troubles on the way, of which there should be none."""

    engine: str
    cells: tuple[Cell, ...]
    options: tuple[tuple[str, str], ...]
    claims: tuple[ClaimResult, ...]
    seconds: float
    interrupt: KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of the cells and of the troubles; UNKNOWN when nothing was measured."""
        return worst(
            claim.verdict for claim in (*(cell.claim for cell in self.cells), *self.claims)
        )


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """A command is about to be run; ``prompt`` names the machine whose shell it can be typed in."""

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
