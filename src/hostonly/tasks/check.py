"""check.…: what is so, looked at from every side, without a tutorial's steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke import Context, task

from hostonly.tasks.run import run
from hostonly.tasks.session import JSON

if TYPE_CHECKING:
    from hostonly.events import Emit
    from hostonly.results.judged import CheckResult
    from hostonly.site import Site
    from hostonly.stage.judge import Judge

FLAGS = {"json": JSON}


def perform(
    ctx: Context,
    name: str,
    check: Callable[[Site, Judge], object],
    *,
    json: bool,
    namespace: str = "check",
) -> None:
    """Run the check called ``name``, and end with the exit code."""
    from hostonly.checks.run import run_check

    def work(site: Site, emit: Emit) -> CheckResult:
        return run_check(name, check, site, emit, namespace=namespace)

    run(ctx, work, json=json)


@task(name="host-to-sandbox", help=FLAGS)
def host_to_sandbox(ctx: Context, json: bool = False) -> None:
    """Is the sandbox all right, as the host sees it? Route, neighbour, ssh, engine, registry, ports."""
    from hostonly.checks.host_to_sandbox import check

    perform(ctx, "host-to-sandbox", check, json=json)


@task(help=FLAGS)
def registry(ctx: Context, json: bool = False) -> None:
    """Does the registry serve what was pushed, to host and sandbox? Every byte of it is hashed."""
    from hostonly.checks.registry import check

    perform(ctx, "registry", check, json=json)


@task(help=FLAGS)
def leftovers(ctx: Context, json: bool = False) -> None:
    """Is anything of ours left on the host? By its mark, and against what was there before."""
    from hostonly.checks.leftovers import check

    perform(ctx, "leftovers", check, json=json)


@task(name="host-only", help=FLAGS)
def host_only(ctx: Context, json: bool = False) -> None:
    """Does anybody else reach the sandbox through this machine? Tried from the LAN and a container."""
    from hostonly.checks.outsiders.check import check

    perform(ctx, "host-only", check, json=json)


@task(help=FLAGS)
def matrix(ctx: Context, json: bool = False) -> None:
    """Who reaches whom, and why: every network mode from every side, measured on two sandboxes."""
    from hostonly.checks.matrix.check import check

    run(ctx, check, json=json)


@task(help={**FLAGS, "machine": "only this one, by its name (default: all there are)"})
def isolation(ctx: Context, machine: str | None = None, json: bool = False) -> None:
    """Is root in the sandbox kept apart from the host? Looked at from outside, tried from inside."""
    from hostonly.checks.isolation.check import check
    from hostonly.tasks.session import require_machine

    def isolated(site: Site, claims: Judge) -> None:
        if machine is not None:
            require_machine(site, machine)
        check(site, claims, machine or "")

    perform(ctx, "isolation", isolated, json=json)
