"""What was built and pushed last, so that a second call can say "unchanged" and be right.

The file only says what to look for: whether the image is really there, and really that one, is
asked of the engine and of the registry each time. The image's bill of materials lies beside it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hostonly.image.flavour import FLAVOURS, Flavour
from hostonly.registry.reference import TAG

if TYPE_CHECKING:
    from hostonly.settings import Settings

# Where there are engines.
PLACES = ("sandbox", "host")


@dataclass(frozen=True, slots=True)
class Built:
    """``inputs`` is a hex digest of what the image is made from; ``image_id`` (what the engine calls
    it), ``config`` (its configuration) and ``manifest`` are digests (``sha256:…``). ``manifest`` is
    None until it was pushed, as ``repository``. ``place`` is the engine's (``sandbox``, ``host``)."""

    inputs: str
    image_id: str
    config: str
    place: str
    flavour: str
    manifest: str | None = None
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """A push that is recorded: ``manifest`` was pushed as ``tag``, at ``time`` (seconds since 1970)."""

    tag: str
    manifest: str
    time: float


def short(digest: str) -> str:
    """The first twelve digits of a digest, as Docker shows it."""
    return digest.removeprefix("sha256:")[:12]


def typed(place: str, address: str, port: int, repository: str) -> str:
    """The image's name as the tutorial types it: ``localhost:5000/hello-socket`` in the sandbox,
    ``172.16.0.2:5000/hello-socket`` on the host."""
    return f"{'localhost' if place == 'sandbox' else address}:{port}/{repository}"


def said_built(name: str, image_id: str) -> str:
    """What is said where ``name`` needs no building."""
    return f"the image {name} is built and unchanged ({short(image_id)})"


def said_pushed(repository: str, tag: str, manifest: str) -> str:
    """What is said where it needs no pushing. Nobody types a tag that is ``latest``."""
    name = repository if tag == TAG else f"{repository}:{tag}"
    return f"{name} is pushed and unchanged ({short(manifest)})"


def record(folder: Path, place: str, flavour: str) -> Path:
    """Where, in the state ``folder`` of a checkout, it is recorded what was built on the engine of
    ``place``."""
    return folder / "image" / f"built-{place}-{flavour}.json"


def bill(folder: Path, flavour: Flavour) -> Path:
    """Where the bill of materials of the last build is written."""
    return folder / "image" / f"hello-socket-{flavour.name}.cdx.json"


def is_bill_of(file: Path, config: str) -> bool:
    """Whether ``file`` is the bill of the image whose configuration has the digest ``config``."""
    try:
        reference = json.loads(file.read_text(encoding="utf-8"))["metadata"]["component"]["bom-ref"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(reference == config)


def load(file: Path) -> Built | None:
    """What ``file`` records; None where it records nothing readable."""
    try:
        return Built(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def pushes(settings: Settings) -> tuple[Pushed, ...]:
    """The recorded pushes to the settings' repository, from either engine, of every flavour."""
    found = []
    for flavour in FLAVOURS.values():
        for place in PLACES:
            file = record(settings.state, place, flavour.name)
            built = load(file)
            if built and built.manifest and built.repository == settings.image.name:
                found.append(Pushed(flavour.tag, built.manifest, file.stat().st_mtime))
    return tuple(found)


def save(settings: Settings, built: Built) -> None:
    """Record ``built``, whole or not at all."""
    file = record(settings.state, built.place, built.flavour)
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".new")
    written.write_text(json.dumps(asdict(built), indent=2) + "\n", encoding="utf-8")
    written.replace(file)
