"""registry.…: the registry in the sandbox."""

from __future__ import annotations

from invoke import Context, Exit, task

from hostonly.tasks.session import JSON, consent, machine_of, session, show

FLAGS = {"json": JSON}
REFERENCE = {"reference": "NAME[:TAG] or NAME@sha256:…"}


@task
def up(ctx: Context) -> None:
    """Start the registry unless it answers (part of sandbox.up)."""
    from hostonly.registry import service
    from hostonly.sandbox import life

    with machine_of(ctx, "sandbox") as it:
        life.up([it])
        with it.vantage() as vantage:
            service.up(it.site, vantage, it.emit)


@task(help={"vantage": "where to ask from: host (default) or sandbox", **FLAGS})
def catalog(ctx: Context, vantage: str = "host", json: bool = False) -> None:
    """List the repositories in the registry, one a line."""
    from hostonly.registry.access import repositories, require_place
    from hostonly.report.escape import one_a_line
    from hostonly.report.registry import names_json

    with machine_of(ctx, "sandbox") as it:
        require_place(vantage)
        it.require_running()
        with it.vantage() as sandbox:
            found = repositories(it.site, sandbox, vantage)
    show(names_json("catalog", found) if json else one_a_line(found))


@task(help={"repository": "its name (default: the image of the settings)", **FLAGS})
def tags(ctx: Context, repository: str = "", json: bool = False) -> None:
    """List the tags of a repository in the registry, one a line."""
    from hostonly.registry.access import client
    from hostonly.registry.reference import check_repository
    from hostonly.report.escape import one_a_line
    from hostonly.report.registry import names_json

    with machine_of(ctx, "sandbox") as it:
        repository = check_repository(repository or it.site.image.name)
        it.require_running()
        found = client(it.site).tags(repository)
    show(names_json("tags", found, repository=repository) if json else one_a_line(found))


@task(
    help={**REFERENCE, "verify": "read every byte and compare it with its digests", **FLAGS},
)
def inspect(ctx: Context, reference: str, verify: bool = False, json: bool = False) -> None:
    """Show what the registry serves: digests, layers, labels; exits 1 where something is wrong."""
    from hostonly.registry import access
    from hostonly.registry.reference import parse
    from hostonly.report.registry import inspection_json, inspection_text

    with machine_of(ctx, "sandbox") as it:
        meant = parse(reference, it.site)
        it.require_running()
        found = access.inspection(it.site, meant, verify=verify)
    show(inspection_json(found) if json else inspection_text(found))
    if found.problems:
        raise Exit(code=1)


@task(help=FLAGS)
def usage(ctx: Context, json: bool = False) -> None:
    """Show what the registry's images take, and what is left."""
    from hostonly.registry.access import client
    from hostonly.registry.usage import usage
    from hostonly.report.registry import usage_json, usage_text

    with machine_of(ctx, "sandbox") as it:
        it.require_running()
        with it.vantage() as sandbox:
            found = usage(client(it.site), sandbox)
    show(usage_json(found) if json else usage_text(found))


@task(help={**REFERENCE, **FLAGS})
def delete(ctx: Context, reference: str, json: bool = False) -> None:
    """Delete an image from the registry, with the layers that no other image has."""
    from hostonly.registry.access import client
    from hostonly.registry.reference import parse
    from hostonly.registry.usage import delete
    from hostonly.report.registry import deletion_json, deletion_text

    with machine_of(ctx, "sandbox") as it:
        meant = parse(reference, it.site)
        it.require_running()
        with it.vantage() as sandbox:
            found = delete(client(it.site), sandbox, meant, it.emit)
    show(deletion_json(found) if json else deletion_text(found))


@task
def collect(ctx: Context) -> None:
    """Free what no manifest in the registry names: what half a push or a deletion has left."""
    from hostonly.registry import service

    with machine_of(ctx, "sandbox") as it:
        it.require_running()
        with it.vantage() as sandbox:
            service.collect(sandbox, it.emit)


@task(
    help={
        "yes": "write without asking",
        "insecure": "show the tutorial's own way and what it means; nothing is changed",
        "remove": "take it back now (sandbox.destroy does)",
    }
)
def trust(ctx: Context, yes: bool = False, insecure: bool = False, remove: bool = False) -> None:
    """Let this machine's Docker push to and pull from the sandbox's registry, by TLS."""
    from hostonly.events import Done, Unchanged
    from hostonly.registry import trust

    with session(ctx) as (site, emit):
        if insecure:
            show(trust.insecure(site))
            return
        if remove:
            gone = trust.remove(site.root)
            trust.tidy()
            emit(Done(f"removed {', '.join(gone)}") if gone else Unchanged("nothing was trusted"))
            return
    with machine_of(ctx, "sandbox") as it:
        it.require_running()
        plan = trust.plan(it.site)
        if plan.present:
            it.emit(Unchanged(f"Docker trusts {plan.registry} already ({plan.file})"))
            return
        consent(plan.describe(), "./inv registry.trust --yes", yes=yes)
        trust.install(plan)
        it.emit(Done(f"wrote {plan.file}; docker push {plan.registry}/… works now, no restart"))
