"""Is anything of ours left on the host? By its mark, and against what the host was before.

Nothing is changed. With a sandbox there, its own things are in use, and what the host was before it
is held against what it is again after ``sandbox.destroy``.
"""

from __future__ import annotations

import time

from hostonly.checks.sides import Judged
from hostonly.claims.leftovers import as_before, nothing_left
from hostonly.events import Emit
from hostonly.facts import Fact, NotObserved, Unreadable
from hostonly.facts.inventory_parse import Items
from hostonly.report.model import CheckResult
from hostonly.sandbox import owners, trace
from hostonly.settings import Settings

NAME = "leftovers"


def check(settings: Settings, emit: Emit) -> CheckResult:
    """Look at the whole host, kind by kind."""
    start = time.monotonic()
    claims = Judged(emit)
    there = trace.sandboxes(settings)
    before_it = owners.marks(settings)
    now = trace.take()
    marks = owners.marks(settings, before_it)
    for kind, items in now.items():
        owned = trace.owned(kind, items, marks)
        claims.judge(nothing_left, {"kind": kind, "sandboxes": there}, owned=owned)
    before = _before(settings, now)
    for kind, items in now.items():
        about: dict[str, object] = {"kind": kind}
        if there:
            claims.skip(as_before, f"compared when {' and '.join(there)} is destroyed", about)
        elif before is None:
            claims.skip(as_before, "this checkout has recorded nothing: no sandbox.up", about)
        else:
            old = before.get(kind, NotObserved("sandbox.up did not look at this kind"))
            claims.judge(as_before, about, changes=trace.changed(kind, old, items, marks))
    return CheckResult(NAME, tuple(claims.results), time.monotonic() - start)


def _before(settings: Settings, now: dict[str, Fact[Items]]) -> dict[str, Fact[Items]] | None:
    try:
        return trace.before(settings)
    except Unreadable as error:
        return dict.fromkeys(now, NotObserved(str(error)))
