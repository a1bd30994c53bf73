"""registry.…: the registry in the sandbox."""

from __future__ import annotations

from invoke import Context, task

from hostonly.tasks.session import machine_of


@task
def up(ctx: Context) -> None:
    """Start the registry unless it answers (part of sandbox.up)."""
    from hostonly.registry import service

    with machine_of(ctx, "sandbox") as it:
        it.up()
        with it.vantage() as vantage:
            service.up(it.settings, vantage, it.emit)


@task(help={"vantage": "where to ask from: host (default) or sandbox"})
def catalog(ctx: Context, vantage: str = "host") -> None:
    """List the repositories in the registry, one a line."""
    from hostonly.registry.look import repositories

    with machine_of(ctx, "sandbox") as it:
        it.require_running()
        with it.vantage() as sandbox:
            found = repositories(it.settings, sandbox, vantage)
    print("\n".join(found))


@task(
    positional=["repository"], help={"repository": "its name (default: the image of the settings)"}
)
def tags(ctx: Context, repository: str = "") -> None:
    """List the tags of a repository in the registry, one a line."""
    from hostonly.registry.look import client

    with machine_of(ctx, "sandbox") as it:
        it.require_running()
        found = client(it.settings).tags(repository or it.settings.image.name)
    print("\n".join(found))
