"""The rows of a sandbox's life beside that of a stock Vagrant machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.measure import Comparison
from bench.result import Row
from bench.stock import stock
from bench.workspace import Workspace

UP = Row("up", "s", "cold sandbox.up over stock vagrant up of a plain box", 0.18)
HALT_UP = Row("halt-up", "s", "sandbox.halt and up again over stock vagrant halt and up", 0.4)
DESTROY = Row("destroy", "s", "sandbox.destroy over stock vagrant destroy", 0.4)

ROWS = (UP, HALT_UP, DESTROY)


@contextmanager
def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Compare whole lives, in turns: made, halted and started again, destroyed; boxes exist."""
    here = workspace.main()
    here.inv("sandbox.destroy")
    # Once, unmeasured: it adds the box.
    here.inv("host.prepare")
    here.inv("host.restore")
    with stock(workspace) as plain:

        def ours() -> dict[str, float]:
            return _life(
                lambda: here.inv("sandbox.up"),
                lambda: here.inv("sandbox.halt"),
                lambda: here.inv("sandbox.destroy"),
            )

        def theirs() -> dict[str, float]:
            return _life(
                lambda: plain.vagrant("up", "--provider=lxc"),
                lambda: plain.vagrant("halt"),
                lambda: plain.vagrant("destroy", "-f"),
            )

        yield [Comparison(ROWS, ours, theirs, warm=False)]


def _life(
    up: Callable[[], object], halt: Callable[[], object], destroy: Callable[[], object]
) -> dict[str, float]:
    times = [time.perf_counter()]
    for steps in ((up,), (halt, up), (destroy,)):
        for step in steps:
            step()
        times.append(time.perf_counter())
    return {
        row.name: after - before for row, before, after in zip(ROWS, times, times[1:], strict=False)
    }
