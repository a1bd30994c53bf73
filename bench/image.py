"""The rows of building and pushing an unchanged image again, and of the image's size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.measure import Comparison, limit, timed
from bench.result import Row
from bench.workspace import Workspace
from hostonly.errors import HostonlyError
from hostonly.host.command import run
from hostonly.image.engine import sandbox_engine
from hostonly.image.flavour import JAVA, TEMPLATE
from hostonly.image.publish import reference

BUILD = Row("build", "s", "warm image.build over packer build", 0.5)
BUILD_SECOND = Row("build-second", "s", "warm image.build over one second", 1.0)
PUSH = Row("push", "s", "warm image.push over bare docker push", 0.5)
PUSH_SSH = Row("push-ssh", "s", "warm image.push over docker push by a fresh ssh connection", 0.5)
PUSH_SECOND = Row("push-second", "s", "warm image.push over one second", 1.0)
SIZE = Row("image-size", "MB", "the image over the tutorial's openjdk:11 image", 0.09)

ROWS = (BUILD, BUILD_SECOND, PUSH, PUSH_SSH, PUSH_SECOND, SIZE)

# The size of openjdk:11 by `docker images`, in MB of 1,000,000 bytes: the tutorial's base.
OPENJDK_MB = 654.0


@contextmanager
def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Compare all rows on one sandbox.

    Packer and ``docker push`` alone are given the engine's socket, forwarded beforehand: only the
    command itself is measured. ``docker push`` by ssh is what a user types without that.
    """
    here = workspace.main()
    here.inv("image.push")
    machine = here.machine()
    with sandbox_engine(machine) as engine:
        images = [tag for image in engine.client.images.list("hostonly-base") for tag in image.tags]
        if len(images) != 1:
            raise HostonlyError(f"the engine has {len(images)} base images and not one")
        environment = {
            **engine.environment,
            "DOCKER_CONFIG": str(here.root / ".hostonly" / "bench-docker"),
            "PATH": f"{engine.cli()}:/usr/local/bin:/usr/bin:/bin",
            "CHECKPOINT_DISABLE": "1",
        }
        # Another name than ours: its image must not take ours' tag away.
        given = ["-var", f"base={images[0]}", "-var", "repository=bench", "-var", "container=bench"]
        packer = ["packer", "build", "-color=false", *given, str(TEMPLATE)]
        push = ["docker", "push", f"{reference(machine)}:{JAVA.tag}"]
        by_ssh = machine.shared.alone(*push)

        def size() -> dict[str, float]:
            inspected = engine.client.images.get(f"{here.site.image.name}:{JAVA.tag}")
            return {SIZE.name: inspected.attrs["Size"] / 1e6}

        made = [
            Comparison(
                (BUILD,),
                timed(BUILD.name, lambda: here.inv("image.build")),
                timed(BUILD.name, lambda: run(packer, cwd=here.root, env=environment, timeout=600)),
            ),
            Comparison(
                (BUILD_SECOND,),
                timed(BUILD_SECOND.name, lambda: here.inv("image.build")),
                limit(BUILD_SECOND.name, 1.0),
            ),
            Comparison(
                (PUSH,),
                timed(PUSH.name, lambda: here.inv("image.push")),
                timed(PUSH.name, lambda: run(push, cwd=here.root, env=environment, timeout=600)),
            ),
            Comparison(
                (PUSH_SSH,),
                timed(PUSH_SSH.name, lambda: here.inv("image.push")),
                timed(PUSH_SSH.name, lambda: here.run(*by_ssh)),
            ),
            Comparison(
                (PUSH_SECOND,),
                timed(PUSH_SECOND.name, lambda: here.inv("image.push")),
                limit(PUSH_SECOND.name, 1.0),
            ),
            Comparison((SIZE,), size, limit(SIZE.name, OPENJDK_MB)),
        ]
        yield [one for one in made if one.rows[0].name in wanted]
