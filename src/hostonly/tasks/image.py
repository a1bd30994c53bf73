"""image.…: HelloSocket as an image, built, pushed and pulled. A later step does the earlier ones."""

from __future__ import annotations

from invoke import Context, task

from hostonly.tasks.session import JSON, machine_of, session, show

FLAVOUR = {"flavour": "java (default) or python"}


@task(help={**FLAVOUR, "on": "whose engine: sandbox (default) or host"})
def build(ctx: Context, flavour: str = "java", on: str = "sandbox") -> None:
    """Build the image: JAR by Maven, base from packages and jlink, image by Packer."""
    from hostonly.image import pipeline
    from hostonly.image.flavour import flavour_named

    with machine_of(ctx, "sandbox") as it:
        pipeline.built(it, flavour_named(flavour), on)


@task(name="push", help={**FLAVOUR, "from": "whose engine has it: sandbox (default) or host"})
def push(ctx: Context, flavour: str = "java", from_: str = "sandbox") -> None:
    """Push it to the sandbox's registry, and prove that the registry serves what was built."""
    from hostonly.image import pipeline
    from hostonly.image.flavour import flavour_named

    with machine_of(ctx, "sandbox") as it:
        pipeline.pushed(it, flavour_named(flavour), from_)


@task(help={**FLAVOUR, "to": "whose engine gets it: sandbox (default) or host"})
def pull(ctx: Context, flavour: str = "java", to: str = "sandbox") -> None:
    """Pull it back by its digest, and prove that it is what was built."""
    from hostonly.image import pipeline
    from hostonly.image.flavour import flavour_named

    with machine_of(ctx, "sandbox") as it:
        wanted = flavour_named(flavour)
        pipeline.require_place(to)
        pipeline.up(it)
        pipeline.pulled(it, wanted, to)


@task(help={**FLAVOUR, "json": JSON})
def inspect(ctx: Context, flavour: str = "java", json: bool = False) -> None:
    """Show its layers, labels and digests, and where it is: engines, registry."""
    from hostonly.image.flavour import flavour_named
    from hostonly.image.inspect import inspect
    from hostonly.report.image import as_json, as_text

    with machine_of(ctx, "sandbox") as it:
        view = inspect(it, flavour_named(flavour))
    show(as_json(view) if json else as_text(view))


@task
def test(ctx: Context) -> None:
    """Run Maven's own tests of HelloSocket (part of ./inv test)."""
    from hostonly.image.parts import test_hello

    with session(ctx) as (site, emit):
        test_hello(site.root, emit)
