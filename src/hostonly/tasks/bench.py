"""The task ``./inv bench``: the speed of hostonly, each row beside the same work without it."""

from __future__ import annotations

from invoke import Context, Exit, task

from hostonly.tasks.session import JSON, session, show


@task(
    name="bench",
    help={
        "json": JSON,
        "rows": "only these rows, parted by commas (default: all)",
        "rounds": "how often each side is measured (default: 5, at most 50)",
    },
)
def bench(ctx: Context, json: bool = False, rows: str | None = None, rounds: int = 5) -> None:
    """Measure hostonly beside stock Vagrant, ssh, Packer and Docker, in turns; leaves nothing."""
    from bench import leftovers
    from bench.measure import MOST_ROUNDS, bench, chosen
    from bench.report import as_document, as_table
    from bench.workspace import workspace
    from hostonly.errors import UsageError
    from hostonly.report.document import dumps

    if not 1 <= rounds <= MOST_ROUNDS:
        raise UsageError(f"--rounds: {rounds} is not allowed: 1 to {MOST_ROUNDS}")
    # An empty name is no wish for all of them: it is refused like any other.
    wanted = chosen([] if rows is None else [name.strip() for name in rows.split(",")])
    with session(ctx) as (site, follower), leftovers.alone(site):
        leftovers.clear(site, follower)
        result = bench(lambda: workspace(site, follower), wanted, rounds, follower)
    show(dumps(as_document(result)) if json else as_table(result))
    if result.unmeasured:
        raise Exit(code=3)
