"""The check that nothing of ours is left on the host, by its mark and by what was there before.

Nothing is changed. While there is a sandbox, its own things are in use: the host is compared with
what it was before only after ``sandbox.destroy``.
"""

from __future__ import annotations

from hostonly.claims.leftovers import as_before, nothing_left
from hostonly.facts import Fact, NotObserved, Unreadable
from hostonly.facts.inventory_parse import Items
from hostonly.ownership import before as kept
from hostonly.ownership.marks import marks as marks_of
from hostonly.site import Site
from hostonly.stage.judge import Judge


def check(site: Site, claims: Judge) -> None:
    """Look at the whole host, kind by kind."""
    there = kept.sandboxes(site)
    before_it = marks_of(site)
    now = kept.take()
    marks = marks_of(site, before_it)
    for kind, items in now.items():
        owned = kept.owned(kind, items, marks)
        claims.judge(nothing_left, {"kind": kind, "sandboxes": there}, owned=owned)
    before = _before(site, now)
    for kind, items in now.items():
        about: dict[str, object] = {"kind": kind}
        if there:
            claims.skip(as_before, f"compared when {' and '.join(there)} is destroyed", about)
        elif before is None:
            claims.skip(as_before, "this checkout has recorded nothing: no sandbox.up", about)
        else:
            old = before.get(kind, NotObserved("sandbox.up did not look at this kind"))
            claims.judge(as_before, about, changes=kept.changed(kind, old, items, marks))


def _before(site: Site, now: dict[str, Fact[Items]]) -> dict[str, Fact[Items]] | None:
    try:
        return kept.before(site)
    except Unreadable as error:
        return dict.fromkeys(now, NotObserved(str(error)))
