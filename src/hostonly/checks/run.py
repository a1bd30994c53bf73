"""The run of a check: claims without steps, about what is there."""

from __future__ import annotations

import time
from collections.abc import Callable

from hostonly.errors import HostonlyError, UsageError
from hostonly.events import Emit
from hostonly.results.judged import CheckResult
from hostonly.site import Site
from hostonly.stage.judge import Judge


def run_check(
    name: str,
    check: Callable[[Site, Judge], object],
    site: Site,
    emit: Emit,
    *,
    namespace: str = "check",
) -> CheckResult:
    """Have ``check`` judge its claims, and return the result.

    One that cannot go on, or is interrupted, gives a result that does not hold, with the claims
    that it had judged and the reason.

    Raises:
        UsageError: the check was asked for wrongly, and nothing was looked at.
    """
    start = time.monotonic()
    judge = Judge(emit)
    try:
        check(site, judge)
    except UsageError:
        raise
    except (HostonlyError, KeyboardInterrupt) as error:
        seconds = time.monotonic() - start
        return CheckResult.broken_off(name, judge.claims, error, seconds, namespace=namespace)
    return CheckResult(name, tuple(judge.claims), time.monotonic() - start, namespace)
