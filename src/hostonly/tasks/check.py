"""check.…: what is so, looked at from every side, without a tutorial's steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke import Context, Exit, task

from hostonly.tasks.session import JSON, session, show, transcript

if TYPE_CHECKING:
    from hostonly.claims import ClaimResult
    from hostonly.events import Emit, Event
    from hostonly.report.model import CheckResult
    from hostonly.site import Site

FLAGS = {"json": JSON}


def perform(
    ctx: Context,
    name: str,
    check: Callable[[Site, Emit], CheckResult],
    *,
    json: bool,
    namespace: str = "check",
) -> None:
    """Run the check called ``name``, show it, and end with the exit code.

    Raises:
        Exit: a claim fails (1) or is unknown (3).
        UsageError: it was asked for wrongly, and nothing was looked at.
        HostonlyError: it could not go on; what it had judged has been shown.
        KeyboardInterrupt: it was interrupted; the same.
    """
    import time

    from hostonly.checks.broken_off import broken_off
    from hostonly.errors import HostonlyError, UsageError
    from hostonly.report.document import dumps
    from hostonly.report.json import check_document
    from hostonly.report.model import ClaimJudged, exit_code

    start = time.monotonic()
    judged: list[ClaimResult] = []
    trouble: HostonlyError | KeyboardInterrupt | None = None
    with session(ctx) as (site, follower):
        terminal = transcript(follower, json=json)

        def emit(event: Event) -> None:
            if isinstance(event, ClaimJudged):
                judged.append(event.claim)
            terminal(event)

        try:
            result = check(site, emit)
        except UsageError:
            raise
        except (HostonlyError, KeyboardInterrupt) as error:
            trouble = error
            seconds = time.monotonic() - start
            result = broken_off(name, judged, error, seconds, namespace=namespace)
        terminal.check_end(result)
        if json:
            show(dumps(check_document(result)))
    if trouble is not None:
        raise trouble
    if code := exit_code(claim.verdict for claim in result.claims):
        raise Exit(code=code)


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
    from hostonly.checks.host_only import check

    perform(ctx, "host-only", check, json=json)


@task(help=FLAGS)
def matrix(ctx: Context, json: bool = False) -> None:
    """Who reaches whom, and why: every network mode from every side, measured on two sandboxes."""
    from hostonly.checks.matrix import check
    from hostonly.report.document import dumps
    from hostonly.report.json import matrix_document
    from hostonly.report.model import EXIT_CODES

    with session(ctx) as (site, follower):
        terminal = transcript(follower, json=json)
        result = check(site, follower)
        terminal.matrix(result)
        if json:
            show(dumps(matrix_document(result)))
    if result.interrupt is not None:
        raise result.interrupt
    if code := EXIT_CODES[result.verdict]:
        raise Exit(code=code)


@task(help={**FLAGS, "machine": "only this one, by its name (default: all there are)"})
def isolation(ctx: Context, machine: str | None = None, json: bool = False) -> None:
    """Is root in the sandbox kept apart from the host? Looked at from outside, tried from inside."""
    from hostonly.checks.isolation import check
    from hostonly.tasks.session import require_machine

    def isolated(site: Site, emit: Emit) -> CheckResult:
        if machine is not None:
            require_machine(site, machine)
        return check(site, emit, machine or "")

    perform(ctx, "isolation", isolated, json=json)
