"""HelloSocket as programs of this machine: the JAR with a JDK's own `java`, and the Python server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hostonly.events import Emit, Started
from hostonly.host import packages
from hostonly.host.command import run
from hostonly.image import build, jar, runtime

PYTHON_SERVER = Path("src/hostonly/hello/server.py")


def python_program(root: Path) -> list[str]:
    """How the Python server of the checkout at ``root`` is started."""
    return [sys.executable, "-I", str(root / PYTHON_SERVER)]


def java_program(root: Path, emit: Emit) -> list[str]:
    """How the JAR is started, as the image starts it; built first.

    Raises:
        ToolFailed: Maven failed. HostonlyError: there is no JDK.
    """
    packages.install(build.tools(), emit)
    emit(Started("building the JAR: mvn -Psocket package"))
    built = jar.build_jar(root, run)
    _, *options, _ = entry_point(root)
    return [str(runtime.find_jdk().home / "bin" / "java"), *options, str(built)]


def entry_point(root: Path) -> list[str]:
    """The image's entry point, as Packer's template has it."""
    template = json.loads((root / build.TEMPLATE).read_text())
    (line,) = (
        change.removeprefix("ENTRYPOINT ")
        for change in template["builders"][0]["changes"]
        if change.startswith("ENTRYPOINT ")
    )
    words: list[str] = json.loads(line)
    return words
