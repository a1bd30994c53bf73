"""The base of an image: our own, imported from its archive, or one that the user has named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Emit, Progress, Started
from hostonly.image.engine import Engine
from hostonly.image.flavour import Flavour
from hostonly.image.parts import digest_of
from hostonly.image.record import short


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base on an engine: the ``reference`` for Packer, and the digests of its ``layers``."""

    reference: str
    layers: tuple[str, ...]


def ours(engine: Engine, archive: Path, emit: Emit) -> BaseImage:
    """Return ``archive`` as an image on ``engine``, under a tag that is the archive's digest."""
    digest = digest_of(archive)
    reference = f"hostonly-base:{short(digest)}"
    if not engine.has(reference):
        emit(Started(f"importing the base image into the {engine.place}'s engine"))
        repository, tag = reference.split(":")
        engine.client.api.import_image_from_file(str(archive), repository=repository, tag=tag)
    found = BaseImage(reference, engine.layers(reference))
    if found.layers != (digest,):
        raise HostonlyError(
            f"{reference} is not the base that was built",
            ran=f"docker image inspect {reference}",
            output=f"layers {found.layers}, archive {digest}",
            remedy=f"docker rmi {reference}, then ./inv image.build",
        )
    return found


def theirs(engine: Engine, reference: str, flavour: Flavour, emit: Emit) -> BaseImage:
    """Return the base that the settings name for ``flavour``; pull it where the engine has none.

    Raises:
        ToolFailed: the base could not be pulled.
    """
    if not engine.has(reference):
        _pull(engine, reference, flavour, emit)
    image_id = str(engine.client.images.get(reference).id)
    return BaseImage(image_id, engine.layers(image_id))


def _pull(engine: Engine, reference: str, flavour: Flavour, emit: Emit) -> None:
    from docker.errors import APIError
    from docker.utils import parse_repository_tag

    emit(Started(f"docker pull {reference}"))
    remedy = f"image.{flavour.base} in the settings names it; empty, it is the project's own"
    repository, tag = parse_repository_tag(reference)
    try:
        for line in engine.client.api.pull(repository, tag or "latest", stream=True, decode=True):
            if "error" in line:
                raise ToolFailed(
                    f"the base image {reference} could not be pulled",
                    ran=f"docker pull {reference}",
                    output=str(line["error"]),
                    remedy=remedy,
                )
            emit(Progress(str(line.get("status", ""))))
    except APIError as error:
        raise ToolFailed(
            f"the base image {reference} could not be pulled",
            ran=f"docker pull {reference}",
            output=str(error.explanation),
            remedy=remedy,
        ) from error
