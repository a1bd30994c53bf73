"""A disposable Docker host on a host-only network, and its networking checked from both sides.

A program of your own finds its names here: ``from hostonly import open_site, running, observe`` and
so on (docs/library.md). Each is loaded at its first use: the command line needs few.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hostonly.claims.claim import Claim, ClaimResult, Judgement, Verdict, claim
    from hostonly.errors import HostonlyError
    from hostonly.facts import Fact, NotObserved, Observed, Question, observe, observe_all, question
    from hostonly.library import destroy, open_site, run_demo, running
    from hostonly.site import MachineSpec, Site
    from hostonly.vantages import Container, Host, Namespace, Result, Sandbox, Vantage

__version__ = "0.1.0"

__all__ = [
    "Claim",
    "ClaimResult",
    "Container",
    "Fact",
    "Host",
    "HostonlyError",
    "Judgement",
    "MachineSpec",
    "Namespace",
    "NotObserved",
    "Observed",
    "Question",
    "Result",
    "Sandbox",
    "Site",
    "Vantage",
    "Verdict",
    "claim",
    "destroy",
    "observe",
    "observe_all",
    "open_site",
    "question",
    "run_demo",
    "running",
]

_ROOMS = ("library", "facts", "claims", "vantages", "site", "errors")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for room in _ROOMS:
            module = import_module(f"hostonly.{room}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
