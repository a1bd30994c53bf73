"""The run of the suite: all cases, one after the other, on one implementation."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from time import monotonic

from hostonly.errors import UsageError
from hostonly.hello.conformance import ending, lines, names, ports, visitors
from hostonly.hello.conformance.case import CASES, Case, CaseOutcome, CaseResult, NotPossible, Wrong
from hostonly.hello.conformance.subject import Starter, Target

# They register themselves in this order.
MODULES = (lines, visitors, names, ports, ending)

# The name that the server is given which the cases of a running one share.
NAME = "conformance"

NEEDS_STARTER = "a server that is running already: nothing here can start it with other arguments"


def chosen(only: Iterable[str]) -> list[Case]:
    """Return the cases that ``only`` names, whole or by the part before the dot; else all cases.

    Raises:
        UsageError: there is no such case.
    """
    wanted = list(only)
    for name in wanted:
        if not any(_named(case, name) for case in CASES.values()):
            raise UsageError(f"there is no case {name[:60]!r}; there are {', '.join(CASES)}")
    return [c for c in CASES.values() if not wanted or any(_named(c, name) for name in wanted)]


def _named(case: Case, name: str) -> bool:
    return name in (case.name, case.name.split(".")[0])


def run_suite(subject: Starter | Target, only: Iterable[str] = ()) -> Iterator[CaseResult]:
    """Try the cases on ``subject``, and yield each result as it comes.

    A ``Starter`` starts one server for all cases of a running one, and others as cases ask for
    them.

    Raises:
        UsageError: ``only`` names a case that there is not.
    """
    cases = chosen(only)
    with _descriptors(), ExitStack() as servers:
        target: Target | None = subject if isinstance(subject, Target) else None
        for case in cases:
            begin = monotonic()
            try:
                if not case.starts and target is None:
                    assert not isinstance(subject, Target)
                    target = _shared(subject, servers)
                outcome, because = _tried(case, subject if case.starts else target)
            except (Wrong, NotPossible) as error:  # the shared server did not start
                outcome, because = CaseOutcome.FAILS, f"it did not start: {error}"
            yield CaseResult(case, outcome, because, monotonic() - begin)


def _shared(starter: Starter, servers: ExitStack) -> Target:
    started = servers.enter_context(starter.start(NAME.encode()))
    where = started.target
    if not where.port:
        said = " ".join("".join(started.output()).split())
        raise Wrong(f"it named no port to listen on; it said {said[:200]!r}")
    return Target(where.address, where.port, NAME)


def _tried(case: Case, subject: Starter | Target | None) -> tuple[CaseOutcome, str]:
    if case.starts and isinstance(subject, Target):
        return CaseOutcome.SKIPPED, NEEDS_STARTER
    try:
        return CaseOutcome.PASSES, case.check(subject)
    except Wrong as wrong:
        return CaseOutcome.FAILS, str(wrong)
    except NotPossible as missing:
        return CaseOutcome.SKIPPED, str(missing)
    except TimeoutError as late:
        return CaseOutcome.FAILS, f"no answer in time: {late}"
    except ConnectionError as broken:
        return CaseOutcome.FAILS, f"the connection broke: {broken.strerror or broken}"
    except OSError as error:
        # This machine's trouble, not the server's: nothing is known of it then.
        return CaseOutcome.UNKNOWN, f"{error.strerror or error}"


@contextlib.contextmanager
def _descriptors() -> Iterator[None]:
    """Raise the limit of file descriptors in this context, since each connection needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
