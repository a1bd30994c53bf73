"""The beginning of every task: the site, and a renderer of the progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke import Context

if TYPE_CHECKING:
    from hostonly.report.progress import Follower
    from hostonly.report.terminal import Terminal
    from hostonly.sandbox.machine import Machine
    from hostonly.site import Site

# The help of the flag, the same for every task that has it.
JSON = "one JSON document, in one line, on standard output; everything else on standard error"


@contextmanager
def session(ctx: Context) -> Iterator[tuple[Site, Follower]]:
    """Give the site, and an ``Emit`` that renders on stderr.

    Raises:
        SettingsError: the settings are wrong; nothing has been changed then.
    """
    from hostonly.report.progress import Follower
    from hostonly.waiting import set_patience

    site = settled(ctx)
    set_patience(site.patience)
    with Follower() as follower:
        yield site, follower


def settled(ctx: Context) -> Site:
    """Return the site of the running task, as it was kept or settled anew.

    Raises:
        SettingsError: the settings are wrong.
    """
    from hostonly import site_cache
    from hostonly.site import ROOT

    now = site_cache.inputs(ROOT, getattr(ctx.config, "_runtime_path", None))
    site = site_cache.recall(ROOT, now)
    if site is None:
        from hostonly.settings import load, settle

        site = settle(load(ctx.config))
        site_cache.keep(site, now)
    return site


def transcript(follower: Follower, *, json: bool) -> Terminal:
    """Return the printer of steps and claims: on stdout, or on stderr beside ``json``."""
    import sys

    from hostonly.report.terminal import Terminal

    return Terminal(sys.stderr if json else sys.stdout, follower, beside=json)


@contextmanager
def machine_of(ctx: Context, name: str) -> Iterator[Machine]:
    """Give the machine called ``name`` of the Vagrantfile.

    Raises:
        UsageError: there is none of that name.
    """
    from hostonly.sandbox.machine import Machine

    with session(ctx) as (site, follower):
        require_machine(site, name)
        yield Machine(site, follower, name)


def require_machine(site: Site, name: str, flag: str = "--machine") -> None:
    """Stop where the Vagrantfile has no machine called ``name``.

    Raises:
        UsageError: there is none of that name.
    """
    from hostonly.errors import UsageError

    if name not in site.names:
        raise UsageError(f"{flag}: {name[:60]!r} is not allowed: {' or '.join(site.names)}")


def chosen(
    site: Site, *, machine: str | None = None, machines: str | None = None, count: int = 1
) -> list[str]:
    """Return the names of the machines that a command line means: one, several, or the first.

    ``count`` is how many of the first ones.

    Raises:
        UsageError: there is none of a name, or the flags contradict each other.
    """
    from hostonly.errors import UsageError

    if (machine is not None) + (machines is not None) + (count != 1) > 1:
        raise UsageError("--machine, --machines and --count: only one of them can be given")
    if machine is None and machines is None:
        known = len(site.machines)
        if not 1 <= count <= known:
            raise UsageError(
                f"--count: {count} is not allowed: 1 to {known}, as many as the settings have machines"
                " (each further one is a line below `machines:` in invoke.yaml)"
            )
        return site.names[:count]
    names = [machine] if machine is not None else str(machines).split(",")
    for name in names:
        require_machine(site, name, "--machines" if machine is None else "--machine")
    return list(dict.fromkeys(names))


def show(text: str) -> None:
    """Write a task's result to standard output, without escape sequences for the terminal.

    A container or the registry may have put some into it.
    """
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
