"""host.…: this machine; what `vagrant up` and `vagrant destroy` typed by hand call as well."""

from __future__ import annotations

from invoke import Context, task

from hostonly.tasks.session import machine_of, session, show


@task
def settings(ctx: Context) -> None:
    """Print what the settings, with all overrides, come to, in JSON: the Vagrantfile asks for it."""
    from json import dumps

    from hostonly.sandbox.vagrant import for_vagrant

    with session(ctx) as (site, _):
        show(dumps(for_vagrant(site)))


@task(help={"machine": "for which one, by its name: sandbox (default)"})
def prepare(ctx: Context, machine: str = "sandbox") -> None:
    """Make what a sandbox needs here: packages, keys, base, box, bridges, firewall table."""
    from hostonly.sandbox import prepare as host

    with machine_of(ctx, machine) as it:
        host.prepare(it.site, it.spec, it.emit)


@task
def restore(ctx: Context) -> None:
    """Take away bridges, rules and forwarding, unless a sandbox still needs them."""
    from hostonly.sandbox import prepare as host

    with session(ctx) as (site, emit):
        host.restore(site, emit)
