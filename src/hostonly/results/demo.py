"""What a demo came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from hostonly.claims import ClaimResult, Verdict, worst
from hostonly.vantages import Result


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
