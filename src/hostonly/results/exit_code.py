"""The exit code of a task, from the verdicts of what it ran."""

from __future__ import annotations

from collections.abc import Iterable

from hostonly.claims import Verdict, worst

# 0 all hold, 1 a claim fails, 3 something could not be observed or done.
EXIT_CODES = {Verdict.HOLDS: 0, Verdict.SKIPPED: 0, Verdict.FAILS: 1, Verdict.UNKNOWN: 3}


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """The exit code of a task that came to these ``verdicts``; of none at all, 3."""
    return EXIT_CODES[worst(verdicts)]
