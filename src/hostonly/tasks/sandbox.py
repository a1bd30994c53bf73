"""sandbox.…: the disposable Docker host."""

from __future__ import annotations

import sys

from invoke import Context, Exit, task

from hostonly.tasks.session import JSON, machine_of, session, show

MACHINE = {"machine": "which one: sandbox (default) or sandbox2"}


@task(help={"rebuild": "build it again although it is there"})
def box(ctx: Context, rebuild: bool = False) -> None:
    """Build the base that sandboxes are made of, from Debian packages (up does it when needed)."""
    from hostonly.sandbox import needs, prepare

    with session(ctx) as (site, emit):
        needs.install(site, emit)
        site.state.mkdir(exist_ok=True)
        prepare.make_box(site, emit, rebuild=rebuild)


@task(help=MACHINE)
def up(ctx: Context, machine: str = "sandbox") -> None:
    """Make and start the sandbox; returns when Docker and the registry answer."""
    from hostonly.sandbox import ahead

    with machine_of(ctx, machine) as it, ahead.noted(it, sys.argv):
        it.up()


@task(help={"json": JSON})
def status(ctx: Context, json: bool = False) -> None:
    """Say of each machine whether it is created and running."""
    from hostonly.report.status import as_json, as_table
    from hostonly.sandbox import status as status_of
    from hostonly.sandbox.machine import Machine
    from hostonly.sandbox.names import machines

    with session(ctx) as (site, emit):
        every = [Machine(site, emit, name) for name in machines(site)]
        found = [machine.status() for machine in every]
        if status_of.asked(sys.argv):
            every[0].remember()
    show(as_json(found) if json else as_table(found))


@task(help=MACHINE)
def halt(ctx: Context, machine: str = "sandbox") -> None:
    """Shut the sandbox down cleanly; what it holds stays."""
    from hostonly.sandbox import ahead

    with machine_of(ctx, machine) as it, ahead.noted(it, sys.argv):
        it.halt()


@task(
    help={
        "machine": "only this one: sandbox or sandbox2 (default: both)",
        "purge": "also the base, the box and this checkout's keys",
    }
)
def destroy(ctx: Context, machine: str = "", purge: bool = False) -> None:
    """Remove the sandboxes and everything the host had for them."""
    from hostonly.sandbox import ahead
    from hostonly.sandbox.names import machines
    from hostonly.sandbox.purge import purge as purge_caches

    with session(ctx) as (site, emit):
        names = [machine] if machine else list(machines(site))
    for name in names:
        with machine_of(ctx, name) as it, ahead.noted(it, sys.argv):
            it.destroy(last=name == names[-1])
    if purge:
        from hostonly.bench import cut_off

        with session(ctx) as (site, emit):
            cut_off.purge(site, emit)
            purge_caches(site, emit)


@task(help=MACHINE)
def ssh(ctx: Context, machine: str = "sandbox") -> None:
    """Open a shell in the sandbox."""
    with machine_of(ctx, machine) as it:
        it.require_running()
    raise Exit(code=it.interact(None))


@task(name="exec", help=MACHINE)
def exec_(ctx: Context, machine: str = "sandbox") -> None:
    """Run a command in the sandbox: sandbox.exec -- COMMAND ARG …; its exit code is ours."""
    from hostonly.errors import UsageError
    from hostonly.program import remainder_argv
    from hostonly.sandbox import quick

    command = remainder_argv()
    if not command:
        raise UsageError("nothing to run: ./inv sandbox.exec -- COMMAND ARG …")
    with machine_of(ctx, machine) as it:
        it.require_running()
        if quick.command_of(sys.argv):
            it.remember()
    raise Exit(code=it.interact(command))
