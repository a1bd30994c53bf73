"""Results with a verdict, that of their claims: a demo, several demos, a check, the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from hostonly.claims import ClaimResult, Verdict, worst
from hostonly.claims.cells import Aim
from hostonly.errors import HostonlyError
from hostonly.vantages import Result

# 0 all hold, 1 a claim fails, 3 something could not be observed or done.
EXIT_CODES = {Verdict.HOLDS: 0, Verdict.SKIPPED: 0, Verdict.FAILS: 1, Verdict.UNKNOWN: 3}


@dataclass(frozen=True, slots=True)
class SandboxAbout:
    """The sandbox that was looked at; ``engine`` is the engine's version as it writes it."""

    name: str
    provider: str
    address: str
    engine: str


@dataclass(frozen=True, slots=True)
class DemoResult:
    """A demo that was run; ``kept`` are the commands that remove what ``--keep`` left.

    ``trouble`` is what ended it early, to be raised when the result has been shown."""

    name: str
    summary: str
    sandbox: SandboxAbout
    steps: tuple[Result, ...]
    claims: tuple[ClaimResult, ...]
    seconds: float
    kept: tuple[str, ...] = ()
    trouble: HostonlyError | KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the claims; UNKNOWN when none was judged."""
        return worst(claim.verdict for claim in self.claims)


@dataclass(frozen=True, slots=True)
class DemosResult:
    """Several demos that were run one after the other; ``trouble`` is what ended them early."""

    demos: tuple[DemoResult, ...]
    seconds: float
    trouble: HostonlyError | KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the demos; UNKNOWN when there was none."""
        return worst(demo.verdict for demo in self.demos)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check: claims without steps; ``seconds`` is wall-clock time, ``namespace`` its task's.

    ``trouble`` is what ended it early, to be raised when the result has been shown."""

    name: str
    claims: tuple[ClaimResult, ...]
    seconds: float
    namespace: str = "check"
    trouble: HostonlyError | KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the claims; UNKNOWN when none was judged."""
        return worst(claim.verdict for claim in self.claims)

    @classmethod
    def broken_off(
        cls,
        name: str,
        claims: Sequence[ClaimResult],
        because: HostonlyError | KeyboardInterrupt,
        seconds: float,
        *,
        namespace: str = "check",
    ) -> CheckResult:
        """Return the result of the check ``name`` that ended ``because`` of an error or interrupt.

        It has the ``claims`` that were judged until then, and one that is UNKNOWN."""
        if isinstance(because, KeyboardInterrupt):
            why = f"interrupted by {because}" if str(because) else "interrupted"
        else:
            why = " ".join(str(because).split())
        unknown = ClaimResult(
            "check.done", "The check came to its end.", "hostonly", Verdict.UNKNOWN, why
        )
        return cls(name, (*claims, unknown), seconds, namespace, because)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the matrix: its connection (``aim``), and how that was judged, with the evidence.

    ``observed`` is an outcome such as ``REFUSED``; None where nothing is known."""

    aim: Aim
    observed: str | None
    claim: ClaimResult


@dataclass(frozen=True, slots=True)
class MatrixResult:
    """The matrix as it was measured; ``options`` are what each mode's container was run with.

    ``claims`` are troubles on the way, of which there should be none. ``trouble`` is an interrupt,
    to be raised when the result has been shown."""

    engine: str
    cells: tuple[Cell, ...]
    options: tuple[tuple[str, str], ...]
    claims: tuple[ClaimResult, ...]
    seconds: float
    trouble: KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the cells and of the troubles; UNKNOWN when nothing was measured."""
        return worst(
            claim.verdict for claim in (*(cell.claim for cell in self.cells), *self.claims)
        )


Judged: TypeAlias = DemoResult | DemosResult | CheckResult | MatrixResult
