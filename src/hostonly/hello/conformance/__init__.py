"""The conformance suite: what every HelloSocket must do, as cases with names.

It tests any implementation: a server that runs somewhere (``Target``), or one that the suite can
start itself (``Starter``). Arguments, ports and signals can only be tried on the latter.
"""

from hostonly.hello.conformance.case import CASES, Case, CaseOutcome, CaseResult, NotPossible, Wrong
from hostonly.hello.conformance.subject import Program, StartedServer, Starter, Target
from hostonly.hello.conformance.suite import run_suite

__all__ = [
    "CASES",
    "Case",
    "CaseOutcome",
    "CaseResult",
    "NotPossible",
    "Program",
    "StartedServer",
    "Starter",
    "Target",
    "Wrong",
    "run_suite",
]
