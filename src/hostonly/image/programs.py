"""HelloSocket as programs of this machine: the JAR with a JDK's own `java`, and the Python server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hostonly.events import Emit
from hostonly.image import runtime
from hostonly.image.flavour import JAVA, PYTHON
from hostonly.image.parts import artefact
from hostonly.settings import Settings


def python_program(root: Path) -> list[str]:
    """How the Python server of the checkout at ``root`` is started."""
    return [sys.executable, "-I", str(root / PYTHON.artefact)]


def java_program(settings: Settings, emit: Emit) -> list[str]:
    """How the JAR is started, as the image starts it; built first.

    Raises:
        ToolFailed: Maven failed. HostonlyError: there is no JDK.
    """
    built = artefact(settings, emit)
    _, *options, _ = entry_point(settings.root)
    return [str(runtime.find_jdk().home / "bin" / "java"), *options, str(built)]


def entry_point(root: Path) -> list[str]:
    """The image's entry point, as Packer's template has it."""
    template = json.loads((root / JAVA.template).read_text())
    (line,) = (
        change.removeprefix("ENTRYPOINT ")
        for change in template["builders"][0]["changes"]
        if change.startswith("ENTRYPOINT ")
    )
    words: list[str] = json.loads(line)
    return words
