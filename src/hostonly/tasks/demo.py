"""demo.…: one task for each demo, made from the list of demos, and tasks for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from invoke import Collection, Context, Task, task

from hostonly.demos import DEMOS, load
from hostonly.tasks.run import run
from hostonly.tasks.session import JSON, show

if TYPE_CHECKING:
    from hostonly.events import Emit
    from hostonly.results.judged import DemoResult, DemosResult
    from hostonly.site import Site

FLAGS = {
    "keep": "leave what the demo makes in place, and say how to remove it",
    "json": JSON,
}


def perform(ctx: Context, names: Sequence[str], *, keep: bool, json: bool, many: bool) -> None:
    """Run the demos called ``names`` in this order.

    ``many`` asks for the summary and the document of several demos, also where it is one.
    """
    from dataclasses import replace

    from hostonly.stage.demo import perform_all

    def work(site: Site, emit: Emit) -> DemoResult | DemosResult:
        task = "demo.all" if many else f"demo.{names[0]}"
        ran = perform_all([load(name) for name in names], site, emit, task, keep=keep)
        return ran if many else replace(ran.demos[0], trouble=ran.trouble)

    run(ctx, work, json=json)


def _task(name: str, summary: str) -> Task[Callable[..., None]]:
    def demo(ctx: Context, keep: bool = False, json: bool = False) -> None:
        perform(ctx, [name], keep=keep, json=json, many=False)

    demo.__doc__ = f"{summary[0].upper()}{summary[1:]}."
    made: Task[Callable[..., None]] = task(name=name, help=FLAGS)(demo)
    return made


@task(name="list")
def list_(ctx: Context) -> None:
    """List the demos, each with one sentence."""
    width = max(len(name) for name in DEMOS)
    show("\n".join(f"{name:<{width}}  {summary}" for name, summary in DEMOS.items()))


@task(name="all", help={"json": FLAGS["json"]})
def all_(ctx: Context, json: bool = False) -> None:
    """Run every demo in the tutorial's order, and summarise."""
    perform(ctx, tuple(DEMOS), keep=False, json=json, many=True)


# The name under which Invoke looks for a module's own Collection.
ns = Collection(list_, all_, *(_task(name, summary) for name, summary in DEMOS.items()))
