"""Running demos and checks: progress and result are shown, and the exit code tells the verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke import Context, Exit

from hostonly.tasks.session import session, show, transcript

if TYPE_CHECKING:
    from hostonly.events import Emit
    from hostonly.results.judged import Judged
    from hostonly.site import Site


def run(ctx: Context, work: Callable[[Site, Emit], Judged], *, json: bool) -> None:
    """Do ``work``, show its events and its result, and end with the exit code.

    Raises:
        Exit: a claim fails (1) or is unknown (3).
        UsageError: it was asked for wrongly, and nothing was looked at.
        HostonlyError: it could not go on; what there is of it has been shown.
        KeyboardInterrupt: it was interrupted; what there is of it has been shown.
    """
    from hostonly.report.document import dumps
    from hostonly.report.json import document
    from hostonly.results.judged import EXIT_CODES

    with session(ctx) as (site, follower):
        terminal = transcript(follower, json=json)
        result = work(site, terminal)
        terminal.end(result)
        if json:
            show(dumps(document(result)))
    if result.trouble is not None:
        raise result.trouble
    if code := EXIT_CODES[result.verdict]:
        raise Exit(code=code)
