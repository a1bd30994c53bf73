"""A check that did not come to its end: what it had judged, and why the rest is not known."""

from __future__ import annotations

from collections.abc import Sequence

from hostonly.claims import ClaimResult, Verdict
from hostonly.errors import HostonlyError
from hostonly.report.model import CheckResult


def broken_off(
    name: str,
    claims: Sequence[ClaimResult],
    because: HostonlyError | KeyboardInterrupt,
    seconds: float,
    *,
    namespace: str = "check",
) -> CheckResult:
    """The result of the check called ``name`` that ended ``because`` of an error or an interrupt: the
    ``claims`` that it had judged, and one that is UNKNOWN."""
    if isinstance(because, KeyboardInterrupt):
        why = f"interrupted by {because}" if str(because) else "interrupted"
    else:
        why = " ".join(str(because).split())
    trouble = ClaimResult(
        "check.done", "The check came to its end.", "hostonly", Verdict.UNKNOWN, why
    )
    return CheckResult(name, (*claims, trouble), seconds, namespace)
