"""Results about the registry and its images: plain values, which the reports render."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blob:
    """A part of an image as its manifest names it, with its ``size`` in bytes.

    ``stored`` is the size of what the registry has under the digest, None where it has nothing."""

    digest: str
    media_type: str
    size: int
    stored: int | None


@dataclass(frozen=True, slots=True)
class ServedImage:
    """An image of one platform: its manifest's digest, its configuration, layers from the bottom.

    ``diff_ids`` are the digests of the layers unpacked, as engines know them."""

    digest: str
    platform: str
    created: str
    config: Blob
    layers: tuple[Blob, ...]
    diff_ids: tuple[str, ...]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Inspection:
    """The images that the registry serves for ``reference`` (several where it is an index).

    ``digest`` and ``media_type`` are its manifest's, ``tags`` those that name it now. ``verified``
    says that every byte was read; ``problems`` are sentences, none where all is well."""

    reference: str
    digest: str
    media_type: str
    tags: tuple[str, ...]
    images: tuple[ServedImage, ...]
    verified: bool
    problems: tuple[str, ...]

    @property
    def size(self) -> int:
        """The bytes of all configurations and layers, each counted once."""
        blobs = {b.digest: b.size for image in self.images for b in (image.config, *image.layers)}
        return sum(blobs.values())


@dataclass(frozen=True, slots=True)
class RepositoryUsage:
    """A repository: its ``tags``, and in ``untagged`` the digests of manifests that no tag names.

    ``bytes`` is what its tagged images take, shared ones included."""

    repository: str
    tags: tuple[str, ...]
    untagged: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of the registry, in bytes.

    ``blobs`` is the sum of all blobs, ``tagged`` of those that tagged images need; ``on_disk`` is
    what the folder takes on its disk, ``free`` what is left there."""

    repositories: tuple[RepositoryUsage, ...]
    blobs: int
    tagged: int
    on_disk: int
    free: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """A manifest that was deleted, with the tags that named it, and the bytes that came free."""

    repository: str
    digest: str
    tags: tuple[str, ...]
    freed: int
