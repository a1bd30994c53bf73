"""What is shown of an image: result types only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, unpacked: its digest, its size in bytes (None where the engine does not tell it for
    each), and what made it."""

    digest: str
    size: int | None
    made_by: str


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether the image is at ``place`` (``sandbox engine``, ``host engine``, ``registry``): yes,
    no, or None where that could not be observed. ``detail`` says as what, what is there instead, or
    why it was not observed."""

    place: str
    present: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image of ours, as an engine or the registry has it. ``config`` is its configuration's digest,
    ``size`` in bytes, unpacked, None where only the registry has it; ``bill`` the path of its bill of materials, None where there is none."""

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
