"""An image kept for the next sandbox: whole or not at all, and never another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, ImageLoadError, ImageNotFound

from hostonly.image import saved
from hostonly.image.engine import Engine
from hostonly.image.state import Built
from hostonly.settings import Settings

BUILT = Built("inputs", "sha256:" + "a" * 64, "sha256:" + "b" * 64, "sandbox", "java")


class Images:
    """Stands for an engine's images: an archive is an id, and nothing else."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)
        self.breaks = self.full = False

    def get(self, reference: str) -> Any:
        if reference not in self.ids:
            raise ImageNotFound(reference)
        return SimpleNamespace(save=lambda: self._save(reference))

    def _save(self, reference: str) -> Iterator[bytes]:
        yield reference.encode()[:10]
        if self.breaks:
            raise APIError("unexpected EOF")
        yield reference.encode()[10:]

    def load(self, chunks: Iterable[bytes]) -> None:
        archive = b"".join(chunks).decode()
        if self.full:
            raise ImageLoadError("Error processing tar file: no space left on device")
        if archive.startswith("not"):
            raise APIError("invalid tar header")
        if not archive.startswith("sha256:"):
            raise ImageLoadError("Error processing tar file: unexpected EOF")
        self.ids.add(archive)


def engine(images: Images) -> Engine:
    client = cast(Any, SimpleNamespace(images=images))
    return Engine("sandbox", {}, lambda: None, client)


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"root": tmp_path})


def test_what_was_kept_comes_back(here: Settings) -> None:
    saved.keep(here, engine(Images(BUILT.image_id)), BUILT)
    empty = engine(Images())
    assert saved.load(here, empty, BUILT)
    assert empty.has(BUILT.image_id)


def test_nothing_was_kept(here: Settings) -> None:
    assert not saved.load(here, engine(Images()), BUILT)


@pytest.mark.parametrize("content", ["sha256:" + "c" * 64, "not an archive", ""])
def test_an_archive_of_something_else_is_not_taken_and_goes(here: Settings, content: str) -> None:
    saved.keep(here, engine(Images(BUILT.image_id)), BUILT)
    saved.archive(here, BUILT).write_text(content)
    assert not saved.load(here, engine(Images()), BUILT)
    assert not saved.archive(here, BUILT).exists()


def test_an_archive_for_which_there_is_no_room_stays(here: Settings) -> None:
    saved.keep(here, engine(Images(BUILT.image_id)), BUILT)
    images = Images()
    images.full = True
    with pytest.raises(ImageLoadError):
        saved.load(here, engine(images), BUILT)
    assert saved.archive(here, BUILT).exists()


def test_an_interrupted_save_leaves_nothing_to_load(here: Settings) -> None:
    images = Images(BUILT.image_id)
    images.breaks = True
    with pytest.raises(APIError):
        saved.keep(here, engine(images), BUILT)
    assert not saved.archive(here, BUILT).exists()


def test_one_archive_of_a_flavour_is_kept(here: Settings) -> None:
    first = engine(Images(BUILT.image_id))
    saved.keep(here, first, BUILT)
    other = Built("other", "sha256:" + "d" * 64, "sha256:" + "e" * 64, "sandbox", "java")
    saved.keep(here, engine(Images(other.image_id)), other)
    assert [file.name for file in (here.state / "image").iterdir()] == [
        "saved-java-eeeeeeeeeeee.tar"
    ]
