"""What every task begins with: the settings, and somebody who shows the progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke import Context

if TYPE_CHECKING:
    from hostonly.report.progress import Follower
    from hostonly.report.terminal import Terminal
    from hostonly.sandbox.machine import Machine
    from hostonly.settings import Settings

# The help of the flag, the same for every task that has it.
JSON = "one JSON document, in one line, on standard output; everything else on standard error"


@contextmanager
def session(ctx: Context) -> Iterator[tuple[Settings, Follower]]:
    """The settled settings, and an ``Emit`` that renders on stderr.

    Raises:
        SettingsError: the settings are wrong; nothing has been changed then.
    """
    from hostonly.report.progress import Follower
    from hostonly.settings import load
    from hostonly.waiting import set_patience

    settings = load(ctx.config)
    set_patience(settings.waiting.patience)
    with Follower() as follower:
        yield settings, follower


def transcript(follower: Follower, *, json: bool) -> Terminal:
    """Who prints steps and claims: as the result, or beside the document that ``json`` asks for."""
    import sys

    from hostonly.report.terminal import Terminal

    return Terminal(sys.stderr if json else sys.stdout, follower, beside=json)


@contextmanager
def machine_of(ctx: Context, name: str) -> Iterator[Machine]:
    """The machine called ``name`` of the Vagrantfile.

    Raises:
        UsageError: there is none of that name.
    """
    from hostonly.sandbox.machine import Machine

    with session(ctx) as (settings, follower):
        require_machine(settings, name)
        yield Machine(settings, follower, name)


def require_machine(settings: Settings, name: str) -> None:
    """Stop where the Vagrantfile has no machine called ``name``.

    Raises:
        UsageError: there is none of that name.
    """
    from hostonly.errors import UsageError
    from hostonly.sandbox.names import machines

    known = machines(settings)
    if name not in known:
        raise UsageError(f"--machine: {name[:60]!r} is not allowed: {' or '.join(known)}")


def show(text: str) -> None:
    """Write a task's result to standard output: what a container or the registry put into it does
    not drive the terminal."""
    from hostonly.report.escape import plain

    print(plain(text), flush=True)


def consent(what: str, otherwise: str, *, yes: bool) -> None:
    """Say ``what`` is about to be done on this machine, and return only where that is agreed to.

    ``yes``: it was agreed to on the command line. ``otherwise`` is the command that does so.

    Raises:
        UsageError: it was not agreed to, or nobody is there to ask; nothing was changed.
    """
    import sys

    from hostonly.errors import UsageError

    print(what, file=sys.stderr, flush=True)
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError("nobody is there to agree: nothing was changed", remedy=otherwise)
    print("Do it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("not agreed to: nothing was changed", remedy=otherwise)
