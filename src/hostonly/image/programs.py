"""HelloSocket as programs of this machine: the JAR with a JDK's own `java`, and the Python server."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from hostonly.events import Emit
from hostonly.image import runtime
from hostonly.image.flavour import JAVA, PYTHON, template
from hostonly.image.parts import artefact
from hostonly.site import Site


def python_program(root: Path) -> list[str]:
    """How the Python server of the checkout at ``root`` is started."""
    return [sys.executable, "-I", str(root / PYTHON.artefact)]


def java_program(site: Site, emit: Emit, folder: Path) -> list[str]:
    """How the JAR is started, as the image starts it; built first, and copied into ``folder``, which must
    have an ASCII name: under a locale without a letter of the checkout's path Java cannot open it there.

    Raises:
        ToolFailed: Maven failed. HostonlyError: there is no JDK.
    """
    built = shutil.copy(artefact(site, emit), folder)
    _, *options, _ = template(site.root, JAVA).entry_point
    return [str(runtime.find_jdk().home / "bin" / "java"), *options, str(built)]
