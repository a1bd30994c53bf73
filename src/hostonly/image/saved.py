"""A built image kept beside the checkout's other state, for the next sandbox's empty engine.

Building takes Packer and a container; loading what was built takes neither. What was loaded is
asked for by its id, which is the digest of its configuration, and the engine holds each layer
against the digest that the configuration names: an archive that was changed gives no such image.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostonly.image.engine import NO_ROOM, Engine
from hostonly.image.state import Built, short
from hostonly.settings import Settings

_CHUNK = 1 << 20


def archive(settings: Settings, built: Built) -> Path:
    """Where ``built`` is kept, whether it is or not."""
    folder = settings.state / "image"
    return folder / f"saved-{built.flavour}-{short(built.config)}.tar"


def keep(settings: Settings, engine: Engine, built: Built) -> None:
    """Keep ``built``, whole or not at all, in the place of earlier ones of its flavour.

    Raises:
        docker.errors.APIError: the engine could not give it. OSError: there is no room.
    """
    file = archive(settings, built)
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".new")
    with written.open("wb") as out:
        for chunk in engine.client.images.get(built.image_id).save():
            out.write(chunk)
    for old in file.parent.glob(f"saved-{built.flavour}-*"):
        if old != written:
            old.unlink()
    written.replace(file)


def load(settings: Settings, engine: Engine, built: Built) -> bool:
    """Bring ``built`` back to ``engine``; whether it is there now.

    An archive that the engine does not take is removed: the image is built again then.
    """
    from docker.errors import APIError, ImageLoadError

    file = archive(settings, built)
    if not file.exists():
        return False
    # Streamed, which the SDK's types do not know of.
    chunks: Any = _chunks(file)
    try:
        engine.client.images.load(chunks)
    except (APIError, ImageLoadError) as error:
        if NO_ROOM in str(error):
            raise  # The archive is not what is wrong.
    if engine.has(built.image_id):
        return True
    file.unlink(missing_ok=True)
    return False


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
