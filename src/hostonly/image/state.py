"""What was built and pushed last, so that a second call can say "unchanged" and be right.

The file only says what to look for: whether the image is really there, and really that one, is
asked of the engine and of the registry each time.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hostonly.settings import Settings


@dataclass(frozen=True, slots=True)
class Built:
    """``inputs`` is a hex digest of what the image is made from; ``image_id`` (what the engine calls
    it), ``config`` (its configuration) and ``manifest`` are digests (``sha256:…``). ``manifest`` is
    None until it was pushed. ``place`` is the engine's (``sandbox``, ``host``)."""

    inputs: str
    image_id: str
    config: str
    place: str
    flavour: str
    manifest: str | None = None


def record(settings: Settings, place: str, flavour: str) -> Path:
    """Where it is recorded what was built on the engine of ``place``."""
    return settings.state / "image" / f"built-{place}-{flavour}.json"


def load(file: Path) -> Built | None:
    """What ``file`` records; None where it records nothing readable."""
    try:
        return Built(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def save(settings: Settings, built: Built) -> None:
    """Record ``built``, whole or not at all."""
    file = record(settings, built.place, built.flavour)
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".new")
    written.write_text(json.dumps(asdict(built), indent=2) + "\n")
    written.replace(file)
