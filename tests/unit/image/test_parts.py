"""What the image is put together from: made where it is missing or not what was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.events import ignore
from hostonly.host import packages
from hostonly.image import jar, parts, runtime
from hostonly.site import Site
from tests.unit.sites import at


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Maven and jlink are stood in for; what they were asked to make."""
    asked: list[str] = []

    def build_jar(root: Path, run: object) -> Path:
        asked.append("jar")
        (root / jar.JAR).parent.mkdir(exist_ok=True)
        (root / jar.JAR).write_bytes(b"a jar")
        return root / jar.JAR

    def build_base(root: Path, folder: Path, run: object, flavour: str) -> Path:
        asked.append("base")
        (folder / "base.tar").write_bytes(b"a base")
        return folder / "base.tar"

    monkeypatch.setattr(packages, "install", lambda names, emit, root: [])
    monkeypatch.setattr(jar, "build_jar", build_jar)
    monkeypatch.setattr(runtime, "build_base", build_base)
    monkeypatch.setattr(runtime, "base_inputs", lambda root, flavour: "inputs")
    return asked


@pytest.fixture
def checkout(site: Site, tmp_path: Path) -> Site:
    (tmp_path / "src/main").mkdir(parents=True)
    (tmp_path / "pom.xml").write_text("<project/>")
    return at(site, tmp_path)


def test_each_is_made_once(checkout: Site, made: list[str]) -> None:
    first = parts.parts(checkout, ignore)
    assert parts.parts(checkout, ignore) == first
    assert sorted(made) == ["base", "jar"]


def test_a_jar_that_somebody_else_wrote_is_not_ours(checkout: Site, made: list[str]) -> None:
    artefact, _ = parts.parts(checkout, ignore)
    made.clear()
    artefact.write_bytes(b"another")
    parts.parts(checkout, ignore)
    assert made == ["jar"]
    assert artefact.read_bytes() == b"a jar"


def test_a_changed_source_makes_another_jar(checkout: Site, made: list[str]) -> None:
    parts.parts(checkout, ignore)
    made.clear()
    (checkout.root / "src/main/A.java").write_text("class A {}")
    parts.parts(checkout, ignore)
    assert made == ["jar"]


def test_parts_that_are_gone_are_made_again(checkout: Site, made: list[str]) -> None:
    artefact, archive = parts.parts(checkout, ignore)
    made.clear()
    artefact.unlink()
    archive.unlink()
    parts.parts(checkout, ignore)
    assert sorted(made) == ["base", "jar"]
