"""A record of the last build and push, so that a second call can say "unchanged" and be right.

The file only says what to look for: the engine and the registry are asked each time whether the
image is really there, and really that one. The image's bill of materials lies beside it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hostonly.host import atomic
from hostonly.image.flavour import FLAVOURS, Flavour
from hostonly.registry.reference import TAG

if TYPE_CHECKING:
    from hostonly.site import Site

# Where there are engines.
PLACES = ("sandbox", "host")


@dataclass(frozen=True, slots=True)
class Built:
    """An image that was built on the engine of ``place`` (``sandbox`` or ``host``).

    ``inputs`` is a hex digest of what it is made from. ``image_id`` (the engine's id), ``config``
    (of its configuration) and ``manifest`` (None until it was pushed) are digests (``sha256:…``).
    """

    inputs: str
    image_id: str
    config: str
    place: str
    flavour: str
    manifest: str | None = None


@dataclass(frozen=True, slots=True)
class PushRecord:
    """The last push of a ``flavour`` from this checkout; ``manifest`` and ``config`` are digests.

    ``place`` is the engine's that pushed it, or that found the same image in the registry."""

    repository: str
    flavour: str
    manifest: str
    config: str
    place: str

    @property
    def tag(self) -> str:
        """The tag that it was pushed as."""
        return FLAVOURS[self.flavour].tag


def short(digest: str) -> str:
    """Return the first twelve digits of a digest, as Docker shows it."""
    return digest.removeprefix("sha256:")[:12]


def typed(place: str, address: str, port: int, repository: str) -> str:
    """Return the image's name as the tutorial types it at ``place``.

    In the sandbox it is ``localhost:5000/hello-socket``, else ``172.16.0.2:5000/hello-socket``."""
    return f"{'localhost' if place == 'sandbox' else address}:{port}/{repository}"


def said_built(name: str, image_id: str) -> str:
    """Return the sentence for an image that needs no building."""
    return f"the image {name} is built and unchanged ({short(image_id)})"


def said_pushed(repository: str, tag: str, manifest: str) -> str:
    """Return the sentence for an image that needs no push; nobody types the tag ``latest``."""
    name = repository if tag == TAG else f"{repository}:{tag}"
    return f"{name} is pushed and unchanged ({short(manifest)})"


def record(folder: Path, place: str, flavour: str) -> Path:
    """Return the file in a checkout's state ``folder`` for the last build on an engine."""
    return folder / "image" / f"built-{place}-{flavour}.json"


def bill(folder: Path, flavour: Flavour) -> Path:
    """Return the file for the bill of materials of the last build."""
    return folder / "image" / f"hello-socket-{flavour.name}.cdx.json"


def is_bill_of(file: Path, config: str) -> bool:
    """Return whether ``file`` is the bill of the image with the configuration digest ``config``."""
    try:
        reference = json.loads(file.read_text(encoding="utf-8"))["metadata"]["component"]["bom-ref"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(reference == config)


def load(file: Path) -> Built | None:
    """Return the build that ``file`` records; None where it records nothing readable."""
    try:
        return Built(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def pushed_record(folder: Path, flavour: str) -> Path:
    """Return the file in a checkout's state ``folder`` for the last push of a flavour.

    It is one file for all engines, since they push to one tag. The file's time is the push's."""
    return folder / "image" / f"pushed-{flavour}.json"


def load_pushed(file: Path) -> PushRecord | None:
    """Return the push that ``file`` records; None where it records nothing readable."""
    try:
        return PushRecord(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def save(site: Site, built: Built) -> None:
    """Record ``built``, whole or not at all."""
    _write(record(site.state, built.place, built.flavour), built)


def save_pushed(site: Site, pushed: PushRecord) -> None:
    """Record ``pushed``, whole or not at all."""
    _write(pushed_record(site.state, pushed.flavour), pushed)


def _write(file: Path, what: Built | PushRecord) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(file, (json.dumps(asdict(what), indent=2) + "\n").encode())
