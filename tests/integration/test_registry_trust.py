"""A host's engine and the sandbox's registry: before trust, with it, and after it was taken back."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.site import Site
from tests.integration.command_line import did, inv
from tests.integration.host_engine import HostEngine, host_engine
from tests.integration.registry_box import address, catalog, document, inside

ENGINE = Path("/etc/docker")


@pytest.fixture(scope="module")
def engine(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostEngine]:
    did("image.push")
    with host_engine(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_stays(engine: HostEngine) -> Iterator[None]:
    did("registry.trust", "--remove")
    before = listing()
    yield
    did("registry.trust", "--remove")
    assert listing() == before
    if "from-host" in catalog():
        did("registry.delete", "from-host")


def listing() -> dict[str, bytes]:
    """Everything below /etc/docker; folders with nothing in them too."""
    found = ENGINE.rglob("*") if ENGINE.exists() else iter(())
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in found}


def push(engine: HostEngine, site: Site) -> tuple[int, str]:
    """Push an image that was made here: the exit code and what docker said."""
    name = f"{address(site)}/from-host"
    if engine.docker("image", "inspect", name).returncode != 0:
        data = engine.folder / "layer.tar"
        (engine.folder / "file").write_text("made on the host\n")
        with tarfile.open(data, "w") as archive:
            archive.add(engine.folder / "file", "file")
        assert engine.docker("import", str(data), name).returncode == 0
    result = engine.docker("push", name)
    return result.returncode, result.stdout + result.stderr


def test_without_trust_the_engine_refuses(engine: HostEngine, site: Site) -> None:
    code, said = push(engine, site)
    assert code != 0 and "certificate signed by unknown authority" in said
    assert "from-host" not in catalog()


def test_nobody_to_agree_means_no_change(site: Site) -> None:
    before = listing()
    refused = inv("registry.trust")
    assert refused.returncode == 2
    assert f"{ENGINE}/certs.d/{address(site)}/ca.crt" in refused.stderr
    assert "nothing was changed" in refused.stderr and listing() == before


def test_with_trust_push_and_pull_work_as_the_tutorial_types_them(
    engine: HostEngine, site: Site
) -> None:
    before = listing()
    did("registry.trust", "--yes")
    new = {path for path in set(listing()) - set(before) if Path(path).is_file()}
    assert new == {f"{ENGINE}/certs.d/{address(site)}/ca.crt"}
    assert "already" in inv("registry.trust").stderr
    code, said = push(engine, site)
    assert code == 0, said
    served = document("registry.inspect", "from-host", "--verify")
    assert served["problems"] == [] and served["digest"] in said
    # The sandbox gets the very image that the host's engine pushed: manifest, configuration, layers.
    local = f"localhost:{site.registry_port}/from-host"
    there = inside(
        f"docker pull -q {local} >&2; docker image inspect -f "
        f"'{{{{.Id}}}} {{{{.RootFS.Layers}}}} {{{{index .RepoDigests 0}}}}' {local}; docker image rm {local} >&2"
    ).split()
    name = f"{address(site)}/from-host"
    here = engine.docker(
        "image", "inspect", "-f", "{{.Id}} {{.RootFS.Layers}} {{index .RepoDigests 0}}", name
    ).stdout.split()
    assert there[:-1] == here[:-1]
    assert there[-1].split("@")[1] == here[-1].split("@")[1] == served["digest"]
    # And the host's engine gets what the sandbox pushed.
    theirs = f"{address(site)}/{site.image.name}"
    assert engine.docker("pull", theirs).returncode == 0
    pulled = engine.docker("image", "inspect", "-f", "{{.Id}}", theirs).stdout.strip()
    assert pulled == inside(f"docker image inspect -f '{{{{.Id}}}}' {site.image.name}").strip()


def test_taken_back_the_engine_refuses_again(engine: HostEngine, site: Site) -> None:
    did("registry.trust", "--yes")
    assert push(engine, site)[0] == 0
    did("registry.trust", "--remove")
    code, said = push(engine, site)
    assert code != 0 and "certificate signed by unknown authority" in said


def test_the_tutorials_own_way_is_what_it_is_said_to_be(engine: HostEngine, site: Site) -> None:
    before = listing()
    shown = did("registry.trust", "--insecure").stdout
    line = next(
        line for line in shown.splitlines() if "insecure-registries" in line and "{" in line
    )
    assert listing() == before
    engine.configure(json.loads(line))
    try:
        code, said = push(engine, site)
        assert code == 0, said
    finally:
        (engine.folder / "log").write_text("")
        engine.configure({"insecure-registries": []})


def test_the_sandboxs_own_engine_pushes_to_its_address_too(site: Site) -> None:
    to = f"{address(site)}/from-host"
    inside(f"docker tag {site.image.name} {to}; docker push -q {to}; docker image rm {to}")
    served = document("registry.inspect", "from-host", "--verify")
    assert served["digest"] == document("registry.inspect", site.image.name)["digest"]


@pytest.mark.long
def test_destroying_the_sandbox_takes_it_back(site: Site) -> None:
    before = listing()
    did("registry.trust", "--yes")
    old = (ENGINE / "certs.d" / address(site) / "ca.crt").read_text()
    said = inv("sandbox.destroy")
    assert said.returncode == 0 and "no longer trusts" in said.stderr
    assert listing() == before
    did("image.push")
    did("registry.trust", "--yes")
    # The next sandbox has an authority of its own.
    assert (ENGINE / "certs.d" / address(site) / "ca.crt").read_text() != old
