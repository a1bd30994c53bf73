"""The conformance suite: what every HelloSocket must do, each case by its name.

It holds for any implementation: one that is running somewhere (`Target`), or one that the suite can
start itself (`Starter`), which is the only way to try arguments, ports and signals.
"""

from hostonly.hello.conformance.case import CASES, Case, CaseResult, NotPossible, Outcome, Wrong
from hostonly.hello.conformance.subject import Program, Started, Starter, Target
from hostonly.hello.conformance.suite import run_suite

__all__ = [
    "CASES",
    "Case",
    "CaseResult",
    "NotPossible",
    "Outcome",
    "Program",
    "Started",
    "Starter",
    "Target",
    "Wrong",
    "run_suite",
]
