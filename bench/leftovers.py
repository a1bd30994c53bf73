"""Leftovers of a bench that was killed: found by its folder, and removed before another bench.

A bench's sandboxes have the same names each time, so that two benches cannot stand side by side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bench import checkout, stock
from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Done, Emit, Started
from hostonly.flock import Lock
from hostonly.site import Site


@contextlib.contextmanager
def alone(user: Site) -> Iterator[None]:
    """Allow one bench at a time in the checkout of ``user``; the kernel frees a dead one's lock.

    Raises:
        HostonlyError: another one is at work.
    """
    user.state.mkdir(exist_ok=True)
    with Lock(user.state / "bench.lock") as lock:
        if not lock.take():
            raise HostonlyError("another bench is at work in this checkout")
        yield


def clear(user: Site, emit: Emit) -> None:
    """Remove what earlier benches of this checkout left; the caller holds the lock of ``alone``.

    Raises:
        HostonlyError: something could not be removed; its folder stays, for the next try.
    """
    benches = user.state / "bench"
    for workspace in sorted(benches.iterdir()) if benches.exists() else []:
        emit(Started("removing what a bench that was cut off has left"))
        try:
            inside = sorted(workspace.iterdir())
            # The last checkout removes what all of them share; a stock project removes none of it.
            for folder in inside:
                if folder.name.endswith(stock.SUFFIX):
                    stock.remove(folder, workspace / checkout.VAGRANT_HOME, user)
            for folder in inside:
                if (folder / "inv").exists():
                    checkout.remove(folder, workspace / checkout.VAGRANT_HOME, user.root)
            checkout.discard(workspace)
        except ToolFailed as error:
            raise HostonlyError(
                f"what a bench that was cut off left in {workspace} could not be removed: {error.what}",
                ran=error.ran,
                output=error.output,
                remedy="Is some of it still at work? Then wait for it, or end it, and try again.",
            ) from error
        emit(Done("removed what a bench that was cut off had left"))


def purge(user: Site, emit: Emit) -> None:
    """Remove what earlier benches left, where no bench is about to begin.

    Raises:
        HostonlyError: a bench is at work, or something could not be removed.
    """
    if (user.state / "bench").exists():
        with alone(user):
            clear(user, emit)
