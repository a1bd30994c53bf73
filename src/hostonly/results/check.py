"""What a check came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hostonly.claims import ClaimResult, Verdict, worst
from hostonly.errors import HostonlyError


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check: claims without steps. ``seconds`` is wall-clock time, ``namespace`` that of its task;
    ``trouble`` is what broke it off, to be raised when the result has been shown."""

    name: str
    claims: tuple[ClaimResult, ...]
    seconds: float
    namespace: str = "check"
    trouble: HostonlyError | KeyboardInterrupt | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of the claims; UNKNOWN when none was judged."""
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
        """The check called ``name`` that ended ``because`` of an error or an interrupt: the ``claims``
        that it had judged, and one that is UNKNOWN."""
        if isinstance(because, KeyboardInterrupt):
            why = f"interrupted by {because}" if str(because) else "interrupted"
        else:
            why = " ".join(str(because).split())
        unknown = ClaimResult(
            "check.done", "The check came to its end.", "hostonly", Verdict.UNKNOWN, why
        )
        return cls(name, (*claims, unknown), seconds, namespace, because)
