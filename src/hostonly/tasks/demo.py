"""demo.…: one task for each demo, made from the list of demos, and tasks for all of them."""

from __future__ import annotations

from collections.abc import Callable

from invoke import Collection, Context, Exit, Task, task

from hostonly.demos import DEMOS
from hostonly.tasks.session import JSON, session, show, transcript

FLAGS = {
    "keep": "leave what the demo makes in place, and say how to remove it",
    "json": JSON,
}


def perform(ctx: Context, names: list[str], *, keep: bool, json: bool, many: bool) -> None:
    """Run the demos called ``names`` in this order, show them, and end with the exit code.

    ``many`` asks for the summary and the document of several demos, also where it is one.

    Raises:
        Exit: a claim fails (1) or is unknown (3).
        HostonlyError: there was no sandbox or no image to run them on.
        KeyboardInterrupt: a demo was interrupted; what there is of it has been shown.
    """
    import time

    from hostonly.demos.demo import load, not_performed, perform
    from hostonly.demos.testbed import ready
    from hostonly.errors import HostonlyError
    from hostonly.report.document import dumps
    from hostonly.report.json import demo_document, demos_document
    from hostonly.report.model import DemoResult, exit_code

    start = time.monotonic()
    demos = [load(name) for name in names]
    results: list[DemoResult] = []
    trouble: BaseException | None = None
    with session(ctx) as (site, follower):
        terminal = transcript(follower, json=json)
        try:
            second = any(demo.second_sandbox for demo in demos)
            task = "demo.all" if many else f"demo.{names[0]}"
            with ready(site, terminal, task, second=second) as testbed:
                for demo in demos:
                    terminal.demo_heading(demo.name, demo.summary)
                    results.append(perform(demo, testbed, terminal, keep=keep))
                    terminal.demo_end(results[-1])
                    trouble = results[-1].interrupt
                    if trouble is not None:
                        break
        except HostonlyError as error:
            trouble = error
        except KeyboardInterrupt as interrupt:
            trouble = interrupt
        for demo in demos[len(results) :] if trouble is not None else ():
            why = trouble if isinstance(trouble, HostonlyError) else HostonlyError("interrupted")
            results.append(not_performed(demo, site, why))
        seconds = time.monotonic() - start
        if many:
            terminal.demos_end(results, seconds)
        if json:
            document = demos_document(results, seconds) if many else demo_document(results[0])
            show(dumps(document))
    if trouble is not None:
        raise trouble
    if code := exit_code(result.verdict for result in results):
        raise Exit(code=code)


def _task(name: str, summary: str) -> Task[Callable[..., None]]:
    def run(ctx: Context, keep: bool = False, json: bool = False) -> None:
        perform(ctx, [name], keep=keep, json=json, many=False)

    run.__doc__ = f"{summary[0].upper()}{summary[1:]}."
    made: Task[Callable[..., None]] = task(name=name, help=FLAGS)(run)
    return made


@task(name="list")
def list_(ctx: Context) -> None:
    """List the demos, each with one sentence."""
    width = max(len(name) for name in DEMOS)
    show("\n".join(f"{name:<{width}}  {summary}" for name, summary in DEMOS.items()))


@task(name="all", help={"json": FLAGS["json"]})
def all_(ctx: Context, json: bool = False) -> None:
    """Run every demo in the tutorial's order, and summarise."""
    perform(ctx, list(DEMOS), keep=False, json=json, many=True)


# The name under which Invoke looks for a module's own Collection.
ns = Collection(list_, all_, *(_task(name, summary) for name, summary in DEMOS.items()))
