"""The inspection of what the registry serves: manifests, configurations, every layer."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

from hostonly.registry.reader import Manifest, RegistryReader
from hostonly.registry.reference import Reference
from hostonly.results.registry import Blob, Inspection, ServedImage

GZIP = ("application/vnd.docker.image.rootfs.diff.tar.gzip", "+gzip")


def inspect(
    registry: RegistryReader, reference: Reference, *, verify: bool = False, tags: bool = True
) -> Inspection | None:
    """Return the images that ``reference`` names in ``registry``; None where it names nothing.

    The registry is asked for every configuration and layer, and their sizes are compared with the
    manifest's. ``verify`` reads them all, and compares what was read with its digests, packed and
    unpacked. ``tags`` also asks which tags name the same manifest.

    Raises:
        HostonlyError: there is no answer, or a manifest is damaged.
    """
    manifest = registry.manifest(reference.repository, reference.version)
    if manifest is None:
        return None
    problems: list[str] = []
    images = tuple(
        _image(registry, reference.repository, each, platform, verify, problems)
        for each, platform in _manifests(registry, reference.repository, manifest, problems)
    )
    named = tuple(
        tag
        for tag in (registry.tags(reference.repository) if tags else ())
        if _digest_of(registry, reference.repository, tag) == manifest.digest
    )
    return Inspection(
        str(reference), manifest.digest, manifest.media_type, named, images, verify, tuple(problems)
    )


def _digest_of(registry: RegistryReader, repository: str, tag: str) -> str | None:
    manifest = registry.manifest(repository, tag)
    return None if manifest is None else manifest.digest


def _manifests(
    registry: RegistryReader, repository: str, manifest: Manifest, problems: list[str]
) -> list[tuple[Manifest, str]]:
    """Return the manifest, or those that an index names, each with its platform ("" if unsaid)."""
    if "manifests" not in manifest.document:
        if manifest.config_digest is None:
            problems.append(f"{manifest.digest} ({manifest.media_type}) names no configuration")
            return []
        return [(manifest, "")]
    found = []
    for entry in manifest.document["manifests"]:
        platform = entry.get("platform") or {}
        words = [platform.get(key) for key in ("os", "architecture", "variant")]
        child = registry.manifest(repository, str(entry["digest"]))
        if child is None:
            problems.append(f"the index names the manifest {entry['digest']}, which is not there")
        elif child.config_digest is None:
            problems.append(f"{child.digest} ({child.media_type}) names no configuration")
        else:
            found.append((child, "/".join(word for word in words if word)))
    return found


def _image(
    registry: RegistryReader,
    repository: str,
    manifest: Manifest,
    platform: str,
    verify: bool,
    problems: list[str],
) -> ServedImage:
    config = _blob(registry, repository, manifest.document["config"], "the configuration", problems)
    document = registry.document(repository, config.digest) if config.stored is not None else None
    document = document or {}
    diff_ids = tuple((document.get("rootfs") or {}).get("diff_ids") or ())
    entries = manifest.document.get("layers") or []
    if document and len(diff_ids) != len(entries):
        problems.append(
            f"the manifest names {len(entries)} layers, the configuration {len(diff_ids)}"
        )
    layers = []
    for number, entry in enumerate(entries, 1):
        what = f"layer {number} of {len(entries)}"
        blob = _blob(registry, repository, entry, what, problems)
        layers.append(blob)
        if verify and blob.stored is not None:
            unpacked = diff_ids[number - 1] if number <= len(diff_ids) else None
            problems += _damage(registry, repository, blob, unpacked, what)
    return ServedImage(
        manifest.digest,
        platform or "/".join(str(document.get(key, "")) for key in ("os", "architecture")),
        str(document.get("created", "")),
        config,
        tuple(layers),
        diff_ids,
        dict((document.get("config") or {}).get("Labels") or {}),
    )


def _blob(
    registry: RegistryReader,
    repository: str,
    entry: dict[str, Any],
    what: str,
    problems: list[str],
) -> Blob:
    blob = Blob(
        str(entry["digest"]),
        str(entry.get("mediaType", "")),
        int(entry["size"]),
        registry.blob_size(repository, str(entry["digest"])),
    )
    if blob.stored is None:
        problems.append(f"{what} ({blob.digest}) is not there")
    elif blob.stored != blob.size:
        problems.append(
            f"{what} ({blob.digest}) has {blob.stored} bytes and not the manifest's {blob.size}"
        )
    return blob


def _damage(
    registry: RegistryReader, repository: str, blob: Blob, unpacked: str | None, what: str
) -> list[str]:
    """Return what is wrong with a layer's bytes; ``unpacked`` is its digest when unpacked."""
    packed, inner = hashlib.sha256(), hashlib.sha256()
    # 31: gzip, with its own header and checksum.
    gunzip = zlib.decompressobj(31) if blob.media_type.endswith(GZIP) else None
    with registry.blob(repository, blob.digest) as chunks:
        for chunk in chunks or ():
            packed.update(chunk)
            try:
                inner.update(chunk if gunzip is None else gunzip.decompress(chunk))
            except zlib.error as error:
                return [f"{what} ({blob.digest}) cannot be unpacked: {error}"]
    digest = f"sha256:{packed.hexdigest()}"
    if digest != blob.digest:
        return [f"{what} is damaged: its bytes are {digest} and not {blob.digest}"]
    # Another packing (zstd) cannot be unpacked here; its bytes are proved by the digest above.
    readable = gunzip is not None or blob.media_type.endswith("tar")
    if readable and f"sha256:{inner.hexdigest()}" != unpacked:
        return [
            f"{what} unpacked is sha256:{inner.hexdigest()}, "
            f"and {unpacked or 'nothing'} by the image's configuration"
        ]
    return []
