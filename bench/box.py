"""The rows of building the base that all sandboxes stand on, from Debian packages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.measure import Comparison, limit, timed
from bench.result import Row
from bench.workspace import Workspace
from hostonly.providers.lxc import base

BOX = Row("box", "s", "sandbox.box from packages over thirty seconds", 1.0)

ROWS = (BOX,)

LIMIT_SECONDS = 30.0


@contextmanager
def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Build a base of the bench's own, by one more line in its recipe; leave the user's alone."""
    with workspace.another() as here:
        with (base.recipe(here.root) / "configure").open("a", encoding="utf-8") as configure:
            configure.write(f"\n# {here.site.name}\n")
        made = base.current(here.root)
        try:
            yield [
                Comparison(
                    ROWS,
                    timed(BOX.name, lambda: here.inv("sandbox.box", "--rebuild", timeout=1800)),
                    limit(BOX.name, LIMIT_SECONDS),
                    # Debian's mirror and its packages are fetched anew each time, as by a user.
                    warm=False,
                )
            ]
        finally:
            base.discard(made.folder)
