"""Looking at what was built: its layers and labels, and where it is. Nothing is changed."""

from __future__ import annotations

from dataclasses import replace

from hostonly.errors import HostonlyError
from hostonly.image import state
from hostonly.image.engine import Engine
from hostonly.image.flavour import Flavour
from hostonly.image.stages import engine_of
from hostonly.image.state import PLACES, short
from hostonly.image.view import ImageView, Layer, Presence
from hostonly.registry.look import client
from hostonly.sandbox.machine import Machine


def inspect(machine: Machine, flavour: Flavour) -> ImageView:
    """The image of ``flavour`` that was built last, from the first engine that has it.

    Raises:
        HostonlyError: it was not built, or no engine that answers has it.
    """
    settings = machine.settings
    found: ImageView | None = None
    present = []
    for place in PLACES:
        built = state.load(state.record(settings.state, place, flavour.name))
        try:
            if place == "sandbox":
                machine.require_running()
            with engine_of(machine, place) as engine:
                name = f"{settings.image.name}:{flavour.tag}"
                presence = _on_engine(engine, name, built, found.config if found else None)
                present.append(presence)
                if found is None and built is not None and presence.present:
                    found = _view(machine, engine, flavour, built)
        except HostonlyError as error:
            present.append(Presence(f"{place} engine", None, error.what))
    if found is None:
        raise HostonlyError(
            f"no engine has the {flavour.name} image of this checkout",
            output="\n".join(f"{each.place}: {each.detail}" for each in present),
            remedy=f"./inv image.build --flavour {flavour.name}",
        )
    present.append(_in_registry(machine, flavour, found.config))
    return replace(found, present=tuple(present))


def _on_engine(
    engine: Engine, name: str, built: state.Built | None, config: str | None
) -> Presence:
    """Whether ``engine`` has what was ``built`` on it last, and that is the one with ``config``."""
    place = f"{engine.place} engine"
    if built is None:
        return Presence(place, False, "was not built there")
    if not engine.has(built.image_id):
        return Presence(place, False, f"{short(built.image_id)} is not there any more")
    if config not in (None, built.config):
        return Presence(place, False, f"another build is there ({short(built.image_id)})")
    tags = engine.client.images.get(built.image_id).tags
    named = ", ".join(sorted(tags)) if tags else "no name"
    what = f"{short(built.image_id)} as {named}"
    return Presence(place, True, what if name in tags else f"{what}; {name} is another")


def _in_registry(machine: Machine, flavour: Flavour, config: str) -> Presence:
    try:
        served = client(machine.settings).manifest(machine.settings.image.name, flavour.tag)
    except HostonlyError as error:
        return Presence("registry", None, error.what)
    if served is None:
        return Presence("registry", False, "was not pushed")
    if served.config_digest != config:
        other = short(served.config_digest or served.digest)
        return Presence("registry", False, f"{flavour.tag} is another image ({other})")
    packed = sum(int(layer["size"]) for layer in served.document.get("layers", ()))
    return Presence("registry", True, f"{served.digest}, {packed / 1e6:.1f} MB packed")


def _view(machine: Machine, engine: Engine, flavour: Flavour, built: state.Built) -> ImageView:
    image = engine.client.images.get(built.image_id)
    digests = engine.layers(built.image_id)
    # Newest first; an entry a layer only where no step changed the configuration alone.
    steps = image.history()[::-1]
    told = steps if len(steps) == len(digests) else [{}] * len(digests)
    config = image.attrs["Config"]
    bill = state.bill(machine.settings.state, flavour)
    return ImageView(
        f"{machine.settings.image.name}:{flavour.tag}",
        flavour.name,
        built.config,
        int(image.attrs["Size"]),
        tuple(
            Layer(digest, step.get("Size"), step.get("CreatedBy", ""))
            for digest, step in zip(digests, told, strict=True)
        ),
        dict(config.get("Labels") or {}),
        config.get("User", ""),
        tuple(sorted(config.get("ExposedPorts") or ())),
        tuple(config.get("Entrypoint") or ()),
        str(bill) if state.is_bill_of(bill, built.config) else None,
        (),
    )
