"""Reproducible images: the same inputs give the same id, without what an engine adds by itself.

A commit writes the time, the container's id and the engine's version into the image's
configuration, whose digest is the image's id. The layers have the same bytes each time. So a
configuration that holds what the image needs and nothing else is put around the same layers, and
loaded. Source: the OCI image specification 1.1, ``config.md``; Docker's image specification 1.2.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.image.engine import Engine

# What a container is started by, in the OCI's words. ``Hostname``, ``Image`` and the like are Docker's.
# Ports and volumes may be those of a base of the user's: nobody listens there, nothing is written there.
KEPT = (
    "User",
    "Env",
    "Entrypoint",
    "Cmd",
    "WorkingDir",
    "Labels",
    "StopSignal",
)


def configuration(
    inspected: Mapping[str, Any],
    created: str,
    steps: Iterable[tuple[str, int]],
    ports: Iterable[str],
) -> bytes:
    """Return the image's configuration, made from the engine's ImageInspect.

    ``ports`` (``8080/tcp``) are all that it exposes, whatever its base did. ``steps`` say what made
    the layers, from the bottom, with their number. ``created`` is the time of all (RFC 3339).
    """
    given = inspected.get("Config") or {}
    document = {
        "architecture": inspected["Architecture"],
        "os": inspected["Os"],
        "created": created,
        "config": {
            **{key: given[key] for key in KEPT if given.get(key)},
            "ExposedPorts": {port: {} for port in ports},
        },
        "rootfs": {"type": "layers", "diff_ids": list(inspected["RootFS"]["Layers"])},
        "history": [
            {"created": created, "created_by": what}
            for what, layers in steps
            for _ in range(layers)
        ],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def settle(engine: Engine, name: str, config: bytes) -> str:
    """Let ``name`` on ``engine`` be the image with the configuration ``config``; return its id.

    The layers stay those of ``name``. The id is ``config``'s digest unless containerd keeps images.

    Raises:
        HostonlyError: the engine has something else afterwards.
        ToolFailed: the engine could not load it.
    """
    layers = engine.layers(name)
    wanted = "sha256:" + hashlib.sha256(config).hexdigest()
    if not engine.by_containerd() and not engine.has(wanted):
        try:
            # An engine with a graph driver looks a layer up before it would open the archive's.
            with _archive(name, config, layers, {}) as archive:
                _load(engine, archive)
        except ToolFailed:
            _load_whole(engine, name, config, layers)
    elif not engine.has(wanted):
        _load_whole(engine, name, config, layers)
    else:
        repository, _, tag = name.rpartition(":")
        engine.client.images.get(wanted).tag(repository, tag)
    found = engine.client.images.get(name)
    if engine.layers(name) != layers or (not engine.by_containerd() and found.id != wanted):
        raise HostonlyError(
            f"the engine made something else of {name}",
            ran="docker load",
            output=f"wanted {wanted}, layers {layers}; found {found.id}, {engine.layers(name)}",
        )
    return str(found.id)


@contextmanager
def _archive(
    name: str, config: bytes, layers: tuple[str, ...], files: Mapping[str, tuple[IO[bytes], int]]
) -> Iterator[IO[bytes]]:
    """Yield an archive as ``docker save`` makes it, with those layers that ``files`` has."""
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:

            def put(path: str, content: IO[bytes], size: int) -> None:
                header = tarfile.TarInfo(path)
                header.size = size
                tar.addfile(header, content)

            paths = [f"{digest.removeprefix('sha256:')}.tar" for digest in layers]
            for digest, path in dict(zip(layers, paths, strict=True)).items():
                if digest in files:
                    put(path, *files[digest])
            config_path = hashlib.sha256(config).hexdigest() + ".json"
            put(config_path, io.BytesIO(config), len(config))
            manifest = [{"Config": config_path, "RepoTags": [name], "Layers": paths}]
            written = json.dumps(manifest).encode()
            put("manifest.json", io.BytesIO(written), len(written))
        archive.seek(0)
        yield archive


def _load_whole(engine: Engine, name: str, config: bytes, layers: tuple[str, ...]) -> None:
    """Load the image with the bytes of all its layers, for engines that want to see them."""
    with tempfile.TemporaryFile() as saved:
        for chunk in engine.client.images.get(name).save():
            saved.write(chunk)
        saved.seek(0)
        with tarfile.open(fileobj=saved) as tar:
            manifest = tar.extractfile("manifest.json")
            assert manifest is not None  # docker save always writes one
            (document,) = json.load(manifest)
            files = {
                digest: _member(tar, path)
                for digest, path in zip(layers, document["Layers"], strict=True)
            }
            with _archive(name, config, layers, files) as archive:
                _load(engine, archive)


def _member(tar: tarfile.TarFile, path: str) -> tuple[IO[bytes], int]:
    content = tar.extractfile(path)
    assert content is not None
    # Not the member's own size: a layer that two images share may be a link to the other's file.
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    return content, size


def _load(engine: Engine, archive: IO[bytes]) -> None:
    from docker.errors import APIError

    try:
        lines: Iterator[dict[str, Any]] = engine.client.api.load_image(archive, quiet=True)
        for line in lines:
            if "error" in line:
                raise ToolFailed(
                    "the engine could not load it", ran="docker load", output=str(line["error"])
                )
    except APIError as error:
        raise ToolFailed(
            "the engine could not load it", ran="docker load", output=str(error.explanation)
        ) from error
