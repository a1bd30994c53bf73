"""A built image kept beside the checkout's other state, for another engine, or an empty one.

Building takes Packer and a container; loading what was built takes neither. And two engines with image
stores of another kind write the layer that Packer makes in other bytes: loaded, it is the same image on both.
An archive is taken only where it holds the very configuration that was built, and the engine holds each
layer against the digest that the configuration names: one that was changed gives no such image.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostonly.image.engine import NO_ROOM, Engine
from hostonly.image.state import Built, short
from hostonly.site import Site

_CHUNK = 1 << 20


def archive(site: Site, built: Built) -> Path:
    """Where ``built`` is kept, whether it is or not."""
    folder = site.state / "image"
    return folder / f"saved-{built.flavour}-{short(built.config)}.tar"


def keep(site: Site, engine: Engine, built: Built) -> None:
    """Keep ``built``, whole or not at all, in the place of earlier ones of its flavour.

    Raises:
        docker.errors.APIError: the engine could not give it (`engine.understood`). OSError: there is no room.
    """
    file = archive(site, built)
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".new")
    with written.open("wb") as out:
        for chunk in engine.client.images.get(built.image_id).save():
            out.write(chunk)
    for old in file.parent.glob(f"saved-{built.flavour}-*"):
        if old != written:
            old.unlink()
    written.replace(file)


def load(site: Site, engine: Engine, built: Built) -> str | None:
    """Bring ``built``, on whichever engine that was, to ``engine``; its id there, or None.

    An archive of something else, or that the engine does not take, is removed: the image is built again
    then.
    """
    from docker.errors import APIError, ImageLoadError

    file = archive(site, built)
    if not file.exists():
        return None
    if _holds(file, built.config):
        # Streamed, which the SDK's types do not know of.
        chunks: Any = _chunks(file)
        try:
            # It went without a name, and is told of by its id.
            told = [str(image.id) for image in engine.client.images.load(chunks)]
            image_id = told[0] if len(told) == 1 else built.image_id
            if engine.has(image_id) and (engine.by_containerd() or image_id == built.config):
                return image_id
        except (APIError, ImageLoadError) as error:
            # Refused at once, or in the middle of the answer.
            if NO_ROOM in str(error):
                raise  # The archive is not what is wrong.
    file.unlink(missing_ok=True)
    return None


def _holds(file: Path, config: str) -> bool:
    """Whether it is an archive of ``docker save`` with the configuration that has the digest ``config``."""
    try:
        with tarfile.open(file) as tar:

            def content(name: str) -> bytes:
                member = tar.extractfile(name)
                return member.read() if member is not None else b""

            (image,) = json.loads(content("manifest.json"))
            held = content(image["Config"])
    except (tarfile.TarError, ValueError, KeyError, TypeError):
        return False
    return config == "sha256:" + hashlib.sha256(held).hexdigest()


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
