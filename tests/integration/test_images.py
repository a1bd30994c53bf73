"""Both images on a real engine: size, user, ports, the same id twice, the registry's digest, the suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from hostonly.site import Site
from tests.integration.command_line import answer, told

MOST_BYTES = {"java": 60_000_000, "python": 30_000_000}
each_flavour = pytest.mark.parametrize("flavour", MOST_BYTES)


def inspected(flavour: str) -> dict[str, Any]:
    code, view = answer("image.inspect", "--flavour", flavour)
    assert code == 0
    return view


@each_flavour
def test_an_image_is_small_and_no_root_and_has_one_port(flavour: str) -> None:
    told("image.push", "--flavour", flavour)
    view = inspected(flavour)
    assert view["size"] <= MOST_BYTES[flavour]
    assert (view["user"], view["ports"]) == ("10001:10001", ["8080/tcp"])
    assert {"title", "version", "revision", "created"} == {
        key.rpartition(".")[2] for key in view["labels"]
    }
    present = {each["place"]: each["present"] for each in view["present"]}
    assert present["sandbox engine"] and present["registry"]
    assert (
        JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(view["bill"]).read_text()) is None
    )


@each_flavour
def test_the_same_inputs_give_the_same_id(flavour: str, site: Site) -> None:
    told("image.push", "--flavour", flavour)
    before = inspected(flavour)["config"]
    assert "built and unchanged" in told("image.build", "--flavour", flavour)
    told("sandbox.exec", "--", "docker", "rmi", "--force", before)
    assert "loaded again" in told("image.build", "--flavour", flavour)
    assert inspected(flavour)["config"] == before
    told("sandbox.exec", "--", "docker", "rmi", "--force", before)
    for kept in (site.state / "image").glob(f"saved-{flavour}-*"):
        kept.unlink()
    assert "built the image" in told("image.build", "--flavour", flavour)
    assert inspected(flavour)["config"] == before
    assert "pushed and unchanged" in told("image.push", "--flavour", flavour)


@each_flavour
def test_what_the_tutorial_types_inside_is_there(flavour: str) -> None:
    told("image.build", "--flavour", flavour)
    config = inspected(flavour)["config"]
    run = ["docker", "run", "--rm", "--entrypoint", "sh", config, "-c"]
    said = told("sandbox.exec", "--", *run, "ip addr show dev lo && command -v nc && id -u")
    assert "127.0.0.1/8" in said and "/bin/nc" in said and "10001" in said


@each_flavour
def test_another_base_is_built_on_and_gives_no_port_or_volume(
    flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("image.build", "--flavour", flavour)
    ours = inspected(flavour)
    base = f"hostonly-test-base:{flavour}"
    # The lowest layer is our own base's; a user's comes from a registry, with ports and volumes.
    (own,) = (
        line
        for line in told(
            *("sandbox.exec", "--", "sh", "-c"),
            "for i in $(docker images -q hostonly-base); do docker image inspect -f"
            " '{{.Id}} {{index .RootFS.Layers 0}}' $i; done",
        ).splitlines()
        if line.endswith(ours["layers"][0]["digest"])
    )
    recipe = f"FROM {own.split()[0]}\nEXPOSE 80 8080\nVOLUME /data\nENV FROM_THE_BASE=1\n"
    told(
        *("sandbox.exec", "--", "sh", "-c"),
        f"printf '{recipe}' | DOCKER_BUILDKIT=0 docker build -q -t {base} -",
    )
    try:
        with monkeypatch.context() as patch:
            patch.setenv(
                "INVOKE_IMAGE_PYTHON_BASE" if flavour == "python" else "INVOKE_IMAGE_BASE", base
            )
            assert "built the image" in told("image.build", "--flavour", flavour)
            assert "built and unchanged" in told("image.build", "--flavour", flavour)
            built = inspected(flavour)
            asked = "{{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{json .Config.Env}}"
            shown = told(
                *("sandbox.exec", "--", "docker", "image", "inspect", "-f"), asked, built["config"]
            )
            told("hello.conformance", "--image", flavour, "--only", "line")
        assert built["config"] != ours["config"] and built["ports"] == ["8080/tcp"]
        assert f"FROM {base}" in [layer["made_by"] for layer in built["layers"]]
        ports, volumes, environment = shown.split()
        assert (ports, volumes) == ('{"8080/tcp":{}}', "null") and "FROM_THE_BASE=1" in environment
    finally:
        told("sandbox.exec", "--", "docker", "rmi", base)
    told("image.build", "--flavour", flavour)
    assert inspected(flavour)["config"] == ours["config"]


# Half a minute each.
@pytest.mark.parametrize("flavour", ["java", pytest.param("python", marks=pytest.mark.long)])
def test_an_image_does_everything(flavour: str) -> None:
    told("image.build", "--flavour", flavour)
    told("hello.conformance", "--image", flavour)


@pytest.mark.parametrize("flavour", ["java", pytest.param("python", marks=pytest.mark.long)])
def test_unchanged_is_never_said_of_what_has_changed(
    flavour: str, site: Site, checkout: Path
) -> None:
    name, tag = site.image.name, {"java": "latest", "python": "python"}[flavour]
    there = f"localhost:{site.registry_port}/{name}:{tag}"
    build, push = ["image.build", "--flavour", flavour], ["image.push", "--flavour", flavour]
    said = {"build": "is built and unchanged", "push": "is pushed and unchanged"}

    def unchanged() -> None:
        for _ in range(2):
            assert said["push"] in told(*push) and said["build"] in told(*build)

    told(*push)
    unchanged()
    config = inspected(flavour)["config"]

    # The names were given to another image by hand.
    other = "python" if flavour == "java" else "java"
    told("image.build", "--flavour", other)
    stranger = f"{name}:{'python' if other == 'python' else 'latest'}"
    told("sandbox.exec", "--", "docker", "tag", stranger, f"{name}:{tag}")
    assert said["build"] in told(*build) and inspected(flavour)["config"] == config
    told("sandbox.exec", "--", "docker", "tag", stranger, there)
    again = told(*push)
    assert "named another image" in again and said["push"] in again
    ids = told("sandbox.exec", "--", "docker", "image", "inspect", "-f", "{{.Id}}", there)
    assert config in ids
    unchanged()

    # Another image was pushed under its name by hand, and then nothing is there under it.
    for names in (f"docker tag {stranger} {there}", f"docker push -q {there}"):
        told("sandbox.exec", "--", *names.split())
    again = told(*push)
    assert said["push"] not in again and "is not what was built here" in again
    unchanged()
    told("registry.delete", f"{name}:{tag}")
    assert said["push"] not in told(*push)
    unchanged()

    # What it is made from.
    file = checkout / ("pom.xml" if flavour == "java" else "src/hostonly/hello/server.py")
    before = file.read_text()
    file.write_text(before + ("<!-- -->\n" if flavour == "java" else "# another\n"))
    try:
        assert said["build"] not in told(*build)
    finally:
        file.write_text(before)
    assert said["build"] not in told(*build)
    assert inspected(flavour)["config"] == config
    unchanged()
