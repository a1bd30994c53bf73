"""Result types for what is shown of an image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, unpacked: its digest, its size in bytes (None: not told), and what made it."""

    digest: str
    size: int | None
    made_by: str


@dataclass(frozen=True, slots=True)
class Presence:
    """The presence of an image at ``place``: ``sandbox engine``, ``host engine`` or ``registry``.

    ``present`` is None where it could not be observed. ``detail`` says under which name the image
    is there, what is there instead, or why it was not observed."""

    place: str
    present: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image of ours, as engine or registry has it; ``config`` is its configuration's digest.

    ``size`` is in bytes, unpacked, None where only the registry has the image. ``bill`` is the path
    of its bill of materials, None where there is none."""

    name: str
    flavour: str
    config: str
    size: int | None
    layers: tuple[Layer, ...]
    labels: dict[str, str]
    user: str
    ports: tuple[str, ...]
    entry_point: tuple[str, ...]
    bill: str | None
    present: tuple[Presence, ...]
