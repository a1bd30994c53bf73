"""What was built and pushed last, so that a second call can say "unchanged" and be right.

The file only says what to look for: whether the image is really there, and really that one, is
asked of the engine and of the registry each time.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Built:
    """``inputs`` is a hex digest of what the image is made from, ``image_id`` and ``manifest`` are
    digests (``sha256:…``); ``manifest`` is None until it was pushed."""

    inputs: str
    image_id: str
    manifest: str | None = None


def load(file: Path) -> Built | None:
    """What ``file`` records; None where it records nothing readable."""
    try:
        return Built(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def save(file: Path, built: Built) -> None:
    """Record ``built`` in ``file``, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".new")
    written.write_text(json.dumps(asdict(built), indent=2) + "\n")
    written.replace(file)
