"""What every task begins with: the settings, and somebody who shows the progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke import Context

if TYPE_CHECKING:
    from hostonly.report.progress import Follower
    from hostonly.sandbox.machine import Machine
    from hostonly.settings import Settings


@contextmanager
def session(ctx: Context) -> Iterator[tuple[Settings, Follower]]:
    """The settled settings, and an ``Emit`` that renders on stderr.

    Raises:
        SettingsError: the settings are wrong; nothing has been changed then.
    """
    from hostonly.report.progress import Follower
    from hostonly.settings import load

    settings = load(ctx.config)
    with Follower() as follower:
        yield settings, follower


@contextmanager
def machine_of(ctx: Context, name: str) -> Iterator[Machine]:
    """The machine called ``name`` of the Vagrantfile.

    Raises:
        UsageError: there is none of that name.
    """
    from hostonly.errors import UsageError
    from hostonly.sandbox.machine import Machine
    from hostonly.sandbox.names import machines

    with session(ctx) as (settings, follower):
        known = machines(settings)
        if name not in known:
            raise UsageError(f"--machine: {name[:60]!r} is not allowed: {' or '.join(known)}")
        yield Machine(settings, follower, name)
