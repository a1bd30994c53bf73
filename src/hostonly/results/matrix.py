"""What the matrix of who reaches whom came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from hostonly.claims import ClaimResult, Verdict, worst


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
    ``claims`` are troubles on the way, of which there should be none; ``trouble`` interrupted it, to
    be raised when the result has been shown."""

    engine: str
    cells: tuple[Cell, ...]
    options: tuple[tuple[str, str], ...]
    claims: tuple[ClaimResult, ...]
    seconds: float
    trouble: KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of the cells and of the troubles; UNKNOWN when nothing was measured."""
        return worst(
            claim.verdict for claim in (*(cell.claim for cell in self.cells), *self.claims)
        )
