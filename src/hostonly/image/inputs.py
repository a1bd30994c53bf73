"""The inputs of an image as one digest: the same inputs, the same image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from hostonly.image import jar, runtime
from hostonly.image.flavour import JAVA, TEMPLATE, Flavour


def inputs(root: Path, flavour: Flavour, told: Mapping[str, str], theirs: str = "") -> str:
    """Return a hex digest of all that an image is made from in the checkout at ``root``.

    That is artefact, base and template of ``flavour``, and ``told``, the values of the labels.
    ``theirs`` is the digest of a user's own base; without it our base counts.

    Raises:
        HostonlyError: there is no JDK to make our own base with.
    """
    base = theirs or runtime.base_inputs(root, flavour.name)
    parts = [_artefact(root, flavour), base, (root / TEMPLATE).read_text(encoding="utf-8")]
    parts += [f"{key}={value}" for key, value in sorted(told.items())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _artefact(root: Path, flavour: Flavour) -> str:
    if flavour is JAVA:
        return jar.jar_inputs(root)
    return jar.digest(root, [root / flavour.artefact])
