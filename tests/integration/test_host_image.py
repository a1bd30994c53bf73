"""Both images built, pushed and pulled by the host's own engine: the same image as by the sandbox's."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.site import Site
from tests.integration.command_line import did, told
from tests.integration.host_engine import HostEngine, host_engine
from tests.integration.registry_box import address, document, inside

TAGS = {"java": "latest", "python": "python"}
each_flavour = pytest.mark.parametrize("flavour", TAGS)


@pytest.fixture(scope="module")
def engine(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostEngine]:
    """The host's engine, as DOCKER_HOST names it, which trusts the sandbox's registry."""
    did("image.push")
    folder = tmp_path_factory.mktemp("engine")
    with host_engine(folder) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
        patch.setenv("DOCKER_CONFIG", str(folder / "config"))
        did("registry.trust", "--yes")
        try:
            yield made
        finally:
            did("registry.trust", "--remove")


def unchanged(*words: str) -> None:
    """It says so, and nothing else was done; pytest -rP shows in what time."""
    start = time.monotonic()
    shown = told(*words)
    print(f"inv {' '.join(words)}: {time.monotonic() - start:.2f} s")
    assert "unchanged" in shown.splitlines()[-1]
    assert "packer build" not in shown and "docker push" not in shown


@each_flavour
def test_the_digest_is_the_same_whichever_engine_pushes(
    engine: HostEngine, site: Site, flavour: str
) -> None:
    name, which = f"{site.image.name}:{TAGS[flavour]}", ("--flavour", flavour)
    # Nothing is known of builds by tests before this one, which may have had another engine.
    forget_archives(site)
    for record in (site.state / "image").glob("built-*"):
        record.unlink()
    told("image.push", *which)
    by_sandbox = document("registry.inspect", name)["digest"]
    did("registry.delete", name)

    # What the sandbox's engine has built is not built again; without it, Packer builds the same.
    asked = ("image.build", "--on", "host", *which)
    assert "loaded, as the sandbox's engine has built it" in told(*asked)
    forget_images(engine, "host")
    forget_archives(site)
    assert "packer build" in told(*asked)
    unchanged("image.build", "--on", "host", *which)
    assert f"docker push {address(site)}" in told("image.push", "--from", "host", *which)
    unchanged("image.push", "--from", "host", *which)
    served = document("registry.inspect", name, "--verify")
    assert served["digest"] == by_sandbox and served["problems"] == []
    (config,) = {image["config"]["digest"] for image in served["images"]}
    theirs = engine.docker("image", "inspect", "-f", "{{.Id}}", f"{address(site)}/{name}")
    assert theirs.stdout.strip() == config

    # The sandbox's engine finds what the host's has pushed, and the other way round.
    unchanged("image.push", *which)
    did("registry.delete", name)
    told("image.push", *which)
    assert document("registry.inspect", name)["digest"] == by_sandbox
    unchanged("image.push", "--from", "host", *which)


def forget_images(engine: HostEngine, place: str) -> None:
    """No image is left on the engine at ``place``, and so no layer."""
    if place == "sandbox":
        inside("docker image ls -aq | sort -u | xargs -r docker image rm -f")
        assert inside("docker image ls -aq") == ""
        return
    ids = set(engine.docker("image", "ls", "-aq").stdout.split())
    engine.docker("image", "rm", "-f", *sorted(ids))
    assert engine.docker("image", "ls", "-aq").stdout == ""


ASIDE = "aside-"


def forget_archives(site: Site) -> None:
    """What was built is kept nowhere but on engines, until the test has ended."""
    for kept in (site.state / "image").glob("saved-*"):
        kept.rename(kept.with_name(ASIDE + kept.name))


@pytest.fixture(autouse=True)
def archives_come_back(site: Site) -> Iterator[None]:
    yield
    for kept in (site.state / "image").glob(f"{ASIDE}*"):
        kept.rename(kept.with_name(kept.name.removeprefix(ASIDE)))


@each_flavour
@pytest.mark.parametrize("place", ["sandbox", "host"])
def test_a_pull_moves_every_layer(engine: HostEngine, site: Site, flavour: str, place: str) -> None:
    which = ("--flavour", flavour)
    told("image.push", *which)
    forget_images(engine, place)
    forget_archives(site)
    served = document("registry.inspect", f"{site.image.name}:{TAGS[flavour]}")
    (image,) = served["images"]
    shown = told("image.pull", "--to", place, *which)
    layers = len(image["layers"])
    assert f"and {layers} of its {layers} layers with it" in shown.splitlines()[-1]
    assert not any(words in shown for words in ("packer build", "loaded again", "docker push"))

    there = f"localhost:{site.registry_port}" if place == "sandbox" else address(site)
    asked = ("image", "inspect", "-f", "{{.Id}} {{json .RootFS.Layers}}")
    name = f"{there}/{site.image.name}:{TAGS[flavour]}"
    if place == "sandbox":
        found = inside(shlex.join(["docker", *asked, name]))
    else:
        found = engine.docker(*asked, name).stdout
    image_id, _, diff_ids = found.strip().partition(" ")
    assert image_id == image["config"]["digest"]
    assert json.loads(diff_ids) == image["diff_ids"]
    unchanged("image.pull", "--to", place, *which)
    # What was pulled is what building would make.
    unchanged("image.build", "--on", place, *which)
