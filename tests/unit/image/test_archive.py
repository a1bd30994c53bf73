"""An image kept for the next sandbox: whole or not at all, and never another one."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, ImageLoadError, ImageNotFound

from hostonly.image import archive
from hostonly.image.engine import Engine
from hostonly.image.record import Built, short
from hostonly.site import Site
from tests.unit.registry.serving import digest
from tests.unit.sites import at

CONFIG, OTHER = b'{"os": "linux"}', b'{"os": "another"}'
# The engine API's Info where containerd keeps the images.
CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


def built(config: bytes, place: str = "sandbox") -> Built:
    return Built("inputs", digest(config), digest(config), place, "java")


BUILT = built(CONFIG)


def packed(config: bytes) -> bytes:
    """As ``docker save`` does it, without layers."""
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            manifest = json.dumps([{"Config": "config.json", "Layers": []}]).encode()
            for name, content in (("config.json", config), ("manifest.json", manifest)):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return file.getvalue()


class Images:
    """Stands for an engine's images: configurations, by what it calls them."""

    def __init__(self, *configs: bytes, info: dict[str, Any] | None = None) -> None:
        self.info = info or {}
        self.known = {self.called(config): config for config in configs}
        self.breaks = self.refuses = self.full = False

    def called(self, config: bytes) -> str:
        return digest(b"a manifest of " + config if self.info else config)

    def get(self, reference: str) -> Any:
        if reference not in self.known:
            raise ImageNotFound(reference)
        return SimpleNamespace(id=reference, save=lambda: self._save(self.known[reference]))

    def _save(self, config: bytes) -> Iterator[bytes]:
        yield packed(config)[:10]
        if self.breaks:
            raise APIError("unexpected EOF")
        yield packed(config)[10:]

    def load(self, chunks: Iterable[bytes]) -> list[Any]:
        if self.full:
            raise ImageLoadError("Error processing tar file: no space left on device")
        if self.refuses:
            raise ImageLoadError("Error processing tar file: unexpected EOF")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            member = tar.extractfile("config.json")
            assert member is not None
            config = member.read()
        self.known[self.called(config)] = config
        return [self.get(self.called(config))]


def engine(images: Images) -> Engine:
    client = cast(Any, SimpleNamespace(images=images, info=lambda: images.info))
    return Engine("sandbox", {}, lambda: None, client)


@pytest.fixture
def here(site: Site, tmp_path: Path) -> Site:
    return at(site, tmp_path)


@pytest.mark.parametrize("source", [None, CONTAINERD], ids=["graph driver", "containerd"])
@pytest.mark.parametrize("target", [None, CONTAINERD], ids=["graph driver", "containerd"])
def test_what_was_kept_comes_to_any_engine(
    here: Site, source: dict[str, Any] | None, target: dict[str, Any] | None
) -> None:
    images = Images(CONFIG, info=source)
    made = replace(BUILT, image_id=images.called(CONFIG))
    archive.keep(here, engine(images), made)
    empty = Images(info=target)
    assert archive.load(here, engine(empty), made) == empty.called(CONFIG)
    assert engine(empty).has(empty.called(CONFIG))


def test_nothing_was_kept(here: Site) -> None:
    assert archive.load(here, engine(Images()), BUILT) is None


@pytest.mark.parametrize("content", [packed(OTHER), packed(CONFIG)[:600], b"not an archive", b""])
@pytest.mark.parametrize("info", [None, CONTAINERD], ids=["graph driver", "containerd"])
def test_an_archive_of_something_else_is_not_taken_and_goes(
    here: Site, content: bytes, info: dict[str, Any] | None
) -> None:
    archive.keep(here, engine(Images(CONFIG)), BUILT)
    archive.file_of(here, BUILT).write_bytes(content)
    empty = Images(info=info)
    assert archive.load(here, engine(empty), BUILT) is None
    assert not archive.file_of(here, BUILT).exists() and not empty.known


def test_one_that_the_engine_refuses_goes(here: Site) -> None:
    archive.keep(here, engine(Images(CONFIG)), BUILT)
    images = Images()
    images.refuses = True
    assert archive.load(here, engine(images), BUILT) is None
    assert not archive.file_of(here, BUILT).exists()


def test_an_archive_for_which_there_is_no_room_stays(here: Site) -> None:
    archive.keep(here, engine(Images(CONFIG)), BUILT)
    images = Images()
    images.full = True
    with pytest.raises(ImageLoadError):
        archive.load(here, engine(images), BUILT)
    assert archive.file_of(here, BUILT).exists()


def test_an_interrupted_save_leaves_nothing_to_load(here: Site) -> None:
    images = Images(CONFIG)
    images.breaks = True
    with pytest.raises(APIError):
        archive.keep(here, engine(images), BUILT)
    assert not archive.file_of(here, BUILT).exists()


def test_one_archive_of_a_flavour_is_kept(here: Site) -> None:
    archive.keep(here, engine(Images(CONFIG)), BUILT)
    other = built(OTHER)
    archive.keep(here, engine(Images(OTHER)), other)
    assert [file.name for file in (here.state / "image").iterdir()] == [
        f"saved-java-{short(other.config)}.tar"
    ]
