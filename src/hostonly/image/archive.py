"""The archive of a built image, kept to load it into another engine or into an empty one.

Building takes Packer and a container; loading takes neither. And engines with different image
stores write Packer's layer in different bytes: an image that is loaded is the same on all of them.
An archive is used only where it holds the very configuration that was built. The engine compares
each layer with the digest in the configuration, so that a changed archive gives no such image.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostonly.image.engine import NO_ROOM, Engine
from hostonly.image.record import Built, short
from hostonly.site import Site

_CHUNK = 1 << 20


def file_of(site: Site, built: Built) -> Path:
    """Return the path of the archive of ``built``, whether or not it exists."""
    folder = site.state / "image"
    return folder / f"saved-{built.flavour}-{short(built.config)}.tar"


def keep(site: Site, engine: Engine, built: Built) -> None:
    """Write the archive of ``built``, whole or not at all, in place of older ones of its flavour.

    Raises:
        docker.errors.APIError: the engine could not give the image (see ``engine.understood``).
        OSError: there is no room.
    """
    file = file_of(site, built)
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
    """Load the archive of ``built`` into ``engine``, and return the image's id there, or None.

    Any engine may have built it. An archive that holds something else, or that the engine refuses,
    is removed, so that the image is built again.

    Raises:
        docker.errors.APIError, docker.errors.ImageLoadError: the engine has no room left.
    """
    from docker.errors import APIError, ImageLoadError

    file = file_of(site, built)
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
    """Return whether ``file`` is a ``docker save`` archive with the configuration ``config``."""
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
