"""Claims about leftovers on the host: by their mark, and against what was there before."""

from __future__ import annotations

from collections.abc import Sequence

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.inventory import Difference, Owner, Whose

# Of many names some are shown; the JSON document's evidence has them all.
SHOWN = 3


@claim(
    "left.{kind}",
    "Among the host's {kind} nothing of this checkout's is left over.",
    source="hostonly, rule 6: what was made is removed by its mark",
)
def nothing_left(
    *, kind: str, owned: Sequence[tuple[str, Whose]], sandboxes: Sequence[str]
) -> Judgement:
    """Holds when nothing of this ``kind`` has this checkout's mark, or one of its sandboxes exists.

    What has the mark then belongs to a sandbox. Caches are named; they are kept until they are
    purged."""
    ours = [name for name, whose in owned if whose.owner is Owner.OURS]
    caches = sum(whose.owner is Owner.CACHE for _, whose in owned)
    others = sum(whose.owner is Owner.ANOTHERS for _, whose in owned)
    rest = [f"{caches} of the caches"] if caches else []
    rest += [f"{others} of another checkout's"] if others else []
    also = f"; besides {' and '.join(rest)}" if rest else ""
    if not ours:
        return Judgement(True, f"none carries its mark{also}")
    if sandboxes:
        return Judgement(True, f"{len(ours)} in use, for {' and '.join(sandboxes)} exists{also}")
    return Judgement(False, f"left over: {listed(ours)}{also}")


@claim(
    "same.{kind}",
    "The host's {kind} are as sandbox.up found them, but for what others changed.",
    source="hostonly, rule 6: after sandbox.destroy the host is as it was before sandbox.up",
)
def as_before(*, kind: str, changes: Sequence[tuple[Difference, Whose]]) -> Judgement:
    """Holds when no difference is this checkout's, but for what was its own before and is gone.

    Gone may be an ssh process that had still to end, say. Other differences are named with owners.
    """
    by_owner: dict[str, list[str]] = {}
    ours: list[str] = []
    for change, whose in changes:
        left = whose.owner is Owner.OURS and change.after is not None
        (ours if left else by_owner.setdefault(str(whose), [])).append(str(change))
    others = "; ".join(f"{whose}: {listed(each)}" for whose, each in by_owner.items())
    if ours:
        also = f"; besides {others}" if others else ""
        return Judgement(False, f"{Owner.OURS}: {listed(ours)}{also}")
    return Judgement(True, f"the same, but for {others}" if others else "the same")


def listed(names: Sequence[str]) -> str:
    """Returns the first ``names``, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
