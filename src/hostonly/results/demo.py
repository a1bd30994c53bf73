"""What demos came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from hostonly.claims import ClaimResult, Verdict, worst
from hostonly.errors import HostonlyError
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
    """A demo that was run. ``kept`` are the commands that remove what ``--keep`` left; ``trouble`` is
    what ended it early, to be raised when the result has been shown."""

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
        """The worst of the claims; UNKNOWN when none was judged."""
        return worst(claim.verdict for claim in self.claims)


@dataclass(frozen=True, slots=True)
class DemosResult:
    """Several demos that were run one after the other. ``trouble`` ended them early, as above."""

    demos: tuple[DemoResult, ...]
    seconds: float
    trouble: HostonlyError | KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of the demos; UNKNOWN when there was none."""
        return worst(demo.verdict for demo in self.demos)
