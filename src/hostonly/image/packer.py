"""Packer, which drives an engine by the ``docker`` command."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from hostonly.events import Emit, Progress, Started, Warned
from hostonly.host.command import run
from hostonly.image.engine import Engine
from hostonly.image.flavour import TEMPLATE, Flavour
from hostonly.site import Site

# The build container's name is the mark by which a killed build's remains are found.
BUILD_CONTAINER = "hostonly-packer"


def build_by_packer(
    site: Site,
    engine: Engine,
    flavour: Flavour,
    variables: Mapping[str, str],
    emit: Emit,
) -> str:
    """Run Packer for ``flavour`` with ``variables``, and return the id of the image that it made.

    Raises:
        ToolFailed: Packer failed; with its last lines.
    """
    from docker.errors import NotFound

    work = site.state / "packer"
    work.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(NotFound):
        # The name is ours.
        engine.client.containers.get(BUILD_CONTAINER).remove(force=True, v=True)
        emit(Warned("a build that was killed had left its container in the engine: removed"))
    told = {**variables, "flavour": flavour.name, "repository": site.image.name}
    given = [word for key, value in told.items() for word in ("-var", f"{key}={value}")]
    emit(Started(f"packer build {TEMPLATE}"))
    run(
        ["packer", "build", "-color=false", *given, str(TEMPLATE)],
        cwd=site.root,
        env={
            **engine.environment,
            "DOCKER_CONFIG": str(work / "docker"),
            "PATH": f"{_cli(engine)}/usr/local/bin:/usr/bin:/bin",
            "CHECKPOINT_DISABLE": "1",
            "PACKER_CACHE_DIR": str(work / "cache"),
            "PACKER_CONFIG_DIR": str(work),
            "TMPDIR": str(work),
        },
        timeout=600,
        on_line=lambda line: emit(Progress(line)),
    )
    return str(engine.client.images.get(f"{site.image.name}:{flavour.tag}").id)


def _cli(engine: Engine) -> str:
    folder: Path | None = engine.cli()
    return f"{folder}:" if folder else ""
