"""image.…: HelloSocket as an image, built, pushed and pulled. A later step does the earlier ones."""

from __future__ import annotations

from invoke import Context, task

from hostonly.tasks.session import machine_of, session


@task
def build(ctx: Context) -> None:
    """Build the image: JAR by Maven, base from packages and jlink, image by Packer."""
    from hostonly.image import stages

    with machine_of(ctx, "sandbox") as it:
        stages.built(it)


@task
def push(ctx: Context) -> None:
    """Push it to localhost:5000 in the sandbox, and prove that the registry serves what was built."""
    from hostonly.image import stages

    with machine_of(ctx, "sandbox") as it:
        stages.pushed(it)


@task
def pull(ctx: Context) -> None:
    """Pull it back by its digest, and prove that it is what was built."""
    from hostonly.image import stages

    with machine_of(ctx, "sandbox") as it:
        stages.up(it)
        stages.pulled(it)


@task
def test(ctx: Context) -> None:
    """Run Maven's own tests of HelloSocket (part of ./inv test)."""
    from hostonly.image.build import test_hello

    with session(ctx) as (settings, emit):
        test_hello(settings.root, emit)
