"""The inspection of what was built: its layers and labels, and where it is; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hostonly.errors import HostonlyError
from hostonly.image import record
from hostonly.image.engine import Engine
from hostonly.image.flavour import Flavour
from hostonly.image.pipeline import engine_of
from hostonly.image.publish import reference
from hostonly.image.record import PLACES, short
from hostonly.registry.access import client
from hostonly.registry.client import RegistryClient
from hostonly.registry.reader import Manifest
from hostonly.results.image import ImageView, Layer, Presence
from hostonly.sandbox.machine import Machine

if TYPE_CHECKING:
    from docker.models.images import Image


@dataclass(frozen=True, slots=True)
class _Meant:
    """The image that is looked for; ``config`` is the digest of its configuration.

    ``ids`` are that digest and, where containerd keeps images, the digests of its manifests."""

    config: str
    ids: frozenset[str]


def inspect(machine: Machine, flavour: Flavour) -> ImageView:
    """Return a view of the image of ``flavour`` that was built here, else of the registry's image.

    A build on the sandbox's engine counts before one on the host's. The view is that of the first
    engine that has the image, or else that of the registry.

    Raises:
        HostonlyError: the image was neither built nor pushed, or nobody who answers has it.
    """
    site = machine.site
    registry = client(site)
    served, unknown = _served(machine, registry, flavour)
    records = [record.load(record.record(site.state, p, flavour.name)) for p in PLACES]
    meant = _meant([record for record in records if record], served)
    found: ImageView | None = None
    present = []
    for place in PLACES:
        try:
            if place == "sandbox":
                machine.require_running()
            with engine_of(machine, place) as engine:
                tagged = (
                    f"{site.image.name}:{flavour.tag}",
                    f"{reference(machine, place)}:{flavour.tag}",
                )
                presence, image = _on_engine(engine, tagged, meant)
                present.append(presence)
                if found is None and meant is not None and image is not None:
                    found = _view(machine, engine, flavour, image, meant.config)
        except HostonlyError as error:
            present.append(Presence(f"{place} engine", None, error.what))
    present.append(unknown or _in_registry(flavour, served, meant))
    if found is None and meant is not None and served and served.config_digest == meant.config:
        found = _view_of_served(machine, registry, flavour, meant.config)
    if found is None:
        raise HostonlyError(
            f"nobody has the {flavour.name} image of this checkout",
            output="\n".join(f"{each.place}: {each.detail}" for each in present),
            remedy=f"./inv image.build --flavour {flavour.name}",
        )
    return replace(found, present=tuple(present))


def _served(
    machine: Machine, registry: RegistryClient, flavour: Flavour
) -> tuple[Manifest | None, Presence | None]:
    """Return the registry's manifest under the flavour's tag, or that it could not be asked."""
    try:
        return registry.manifest(machine.site.image.name, flavour.tag), None
    except HostonlyError as error:
        return None, Presence("registry", None, error.what)


def _meant(records: list[record.Built], served: Manifest | None) -> _Meant | None:
    config = records[0].config if records else served.config_digest if served else None
    if config is None:
        return None
    ids = {config}
    for each in records:
        if each.config == config:
            ids |= {each.image_id, each.manifest or config}
    if served and served.config_digest == config:
        ids.add(served.digest)
    return _Meant(config, frozenset(ids))


def _on_engine(
    engine: Engine, tagged: Iterable[str], meant: _Meant | None
) -> tuple[Presence, Image | None]:
    """Return whether ``engine`` has the image that is ``meant``, and the image.

    It is asked for by its ids, and as ``tagged``, since somebody else may have brought it there."""
    place = f"{engine.place} engine"
    name, _ = tagged
    for each in sorted(meant.ids) if meant else ():
        if (image := engine.find(each)) is not None:
            what = f"{short(str(image.id))} as {', '.join(sorted(image.tags)) or 'no name'}"
            detail = what if name in image.tags else f"{what}; {name} is another, or none"
            return Presence(place, True, detail), image
    for each in tagged:
        if (image := engine.find(each)) is None:
            continue
        called = f"{each} is there ({short(str(image.id))})"
        if engine.by_containerd():
            # Its own manifest of it, which says nothing of the configuration.
            return Presence(place, None, f"{called}, by a manifest that is not known here"), None
        return Presence(place, False, f"{called}, and is another image"), None
    return Presence(place, False, "is not there"), None


def _in_registry(flavour: Flavour, served: Manifest | None, meant: _Meant | None) -> Presence:
    if served is None:
        return Presence("registry", False, "is not there")
    if meant is None or served.config_digest != meant.config:
        other = short(served.config_digest or served.digest)
        return Presence("registry", False, f"{flavour.tag} is another image ({other})")
    packed = sum(int(layer["size"]) for layer in served.document.get("layers", ()))
    return Presence("registry", True, f"{served.digest}, {packed / 1e6:.1f} MB packed")


def _view(
    machine: Machine, engine: Engine, flavour: Flavour, image: Image, config: str
) -> ImageView:
    digests = engine.layers(str(image.id))
    # Newest first; an entry a layer only where no step changed the configuration alone.
    steps = image.history()[::-1]
    told = steps if len(steps) == len(digests) else [{}] * len(digests)
    layers = [
        Layer(digest, step.get("Size"), step.get("CreatedBy", ""))
        for digest, step in zip(digests, told, strict=True)
    ]
    size = int(image.attrs["Size"])
    return _shown(machine, flavour, config, size, layers, image.attrs["Config"])


def _view_of_served(
    machine: Machine, registry: RegistryClient, flavour: Flavour, config: str
) -> ImageView | None:
    """Return a view from the registry, which does not tell how large the image is unpacked."""
    document = registry.document(machine.site.image.name, config)
    if document is None:
        return None
    digests = (document.get("rootfs") or {}).get("diff_ids") or []
    steps = [step for step in document.get("history") or [] if not step.get("empty_layer")]
    told = steps if len(steps) == len(digests) else [{}] * len(digests)
    layers = [
        Layer(digest, None, step.get("created_by", ""))
        for digest, step in zip(digests, told, strict=True)
    ]
    return _shown(machine, flavour, config, None, layers, document.get("config") or {})


def _shown(
    machine: Machine,
    flavour: Flavour,
    config: str,
    size: int | None,
    layers: Iterable[Layer],
    told: Mapping[str, Any],
) -> ImageView:
    """Return a view; ``told`` says how a container is started, alike on engine and registry."""
    bill = record.bill(machine.site.state, flavour)
    ports, labels, entry = (told.get(key) or {} for key in ("ExposedPorts", "Labels", "Entrypoint"))
    return ImageView(
        f"{machine.site.image.name}:{flavour.tag}",
        flavour.name,
        config,
        size,
        tuple(layers),
        dict(labels),
        str(told.get("User") or ""),
        tuple(sorted(ports)),
        tuple(entry),
        str(bill) if record.is_bill_of(bill, config) else None,
        (),
    )
