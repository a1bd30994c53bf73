"""What all that is judged as a whole have in common: a verdict, and an exit code for it."""

from __future__ import annotations

from typing import TypeAlias

from hostonly.claims import Verdict
from hostonly.results.check import CheckResult
from hostonly.results.demo import DemoResult, DemosResult
from hostonly.results.matrix import MatrixResult

Judged: TypeAlias = DemoResult | DemosResult | CheckResult | MatrixResult

# 0 all hold, 1 a claim fails, 3 something could not be observed or done.
EXIT_CODES = {Verdict.HOLDS: 0, Verdict.SKIPPED: 0, Verdict.FAILS: 1, Verdict.UNKNOWN: 3}
