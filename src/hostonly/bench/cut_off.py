"""What a bench that was killed has left: found by its folder, and removed before anything else is made.

A bench's sandboxes have the same names each time, so that another one cannot be made beside them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from filelock import FileLock, Timeout

from hostonly.bench import checkout, stock
from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Done, Emit, Started
from hostonly.site import Site


@contextlib.contextmanager
def alone(user: Site) -> Iterator[None]:
    """One bench at a time in the checkout of ``user``; the kernel frees the lock of one that was killed.

    Raises:
        HostonlyError: another one is at work.
    """
    user.state.mkdir(exist_ok=True)
    lock = FileLock(user.state / "bench.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise HostonlyError("another bench is at work in this checkout") from error
    try:
        yield
    finally:
        lock.release()


def clear(user: Site, emit: Emit) -> None:
    """Remove what earlier benches of this checkout have left; for who holds the lock of `alone`.

    Raises:
        HostonlyError: something could not be removed; its folder stays, for the next try.
    """
    benches = user.state / "bench"
    for place in sorted(benches.iterdir()) if benches.exists() else []:
        emit(Started("removing what a bench that was cut off has left"))
        try:
            inside = sorted(place.iterdir())
            # What all checkouts share the last of them takes away, and a stock project none of it.
            for folder in inside:
                if folder.name.endswith(stock.SUFFIX):
                    stock.remove(folder, place / checkout.VAGRANT_HOME)
            for folder in inside:
                if (folder / "inv").exists():
                    checkout.remove(folder, place / checkout.VAGRANT_HOME, user.root)
            checkout.discard(place)
        except ToolFailed as error:
            raise HostonlyError(
                f"what a bench that was cut off left in {place} could not be removed: {error.what}",
                ran=error.ran,
                output=error.output,
                remedy="Is some of it still at work? Then wait for it, or end it, and try again.",
            ) from error
        emit(Done("removed what a bench that was cut off had left"))


def purge(user: Site, emit: Emit) -> None:
    """The same where no bench is about to be made.

    Raises:
        HostonlyError: a bench is at work, or something could not be removed.
    """
    if (user.state / "bench").exists():
        with alone(user):
            clear(user, emit)
