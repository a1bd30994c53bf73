"""sandbox.…: the disposable Docker host."""

from __future__ import annotations

from invoke import Context, Exit, task

from hostonly.tasks.session import JSON, chosen, machine_of, session, show

MACHINE = {"machine": "which one: sandbox (default), sandbox2, or another of the settings"}


@task(help={"rebuild": "build it again although it is there"})
def box(ctx: Context, rebuild: bool = False) -> None:
    """Build the base that sandboxes are made of, from Debian packages (up does it when needed)."""
    from hostonly.sandbox import prepare

    with session(ctx) as (site, emit):
        prepare.make_box(site, emit, rebuild=rebuild)


@task(
    help={
        **MACHINE,
        "machines": "these, by one Vagrant: NAME,NAME,…",
        "count": "the first N machines of the settings",
    }
)
def up(
    ctx: Context, machine: str | None = None, machines: str | None = None, count: int = 1
) -> None:
    """Make and start the sandbox; returns when Docker and the registry answer."""
    from hostonly.sandbox import life
    from hostonly.sandbox.machine import Machine

    with session(ctx) as (site, emit):
        names = chosen(site, machine=machine, machines=machines, count=count)
        life.up([Machine(site, emit, name) for name in names])


@task(help={"json": JSON})
def status(ctx: Context, json: bool = False) -> None:
    """Say of each machine whether it is created and running."""
    from hostonly.report.status import as_json, as_table
    from hostonly.sandbox.status import status

    with session(ctx) as (site, _):
        found = [status(site, machine) for machine in site.machines]
    show(as_json(found) if json else as_table(found))


@task(help=MACHINE)
def halt(ctx: Context, machine: str = "sandbox") -> None:
    """Shut the sandbox down cleanly; what it holds stays."""
    from hostonly.sandbox import life

    with machine_of(ctx, machine) as it:
        life.halt(it)


@task(
    help={
        "machine": "only this one, by its name (default: all)",
        "purge": "also the base, the box and this checkout's keys",
    }
)
def destroy(ctx: Context, machine: str | None = None, purge: bool = False) -> None:
    """Remove the sandboxes and everything the host had for them."""
    from hostonly.sandbox import life
    from hostonly.sandbox.machine import Machine

    with session(ctx) as (site, emit):
        names = site.names if machine is None else chosen(site, machine=machine)
        life.destroy([Machine(site, emit, name) for name in names])
    if purge:
        from bench import leftovers
        from hostonly.sandbox.purge import purge as purge_caches

        with session(ctx) as (site, emit):
            leftovers.purge(site, emit)
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
    from hostonly.cli import remainder_argv
    from hostonly.errors import UsageError

    command = remainder_argv()
    if not command:
        raise UsageError("nothing to run: ./inv sandbox.exec -- COMMAND ARG …")
    with machine_of(ctx, machine) as it:
        it.require_running()
    raise Exit(code=it.interact(command))
