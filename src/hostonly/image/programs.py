"""HelloSocket as programs of this machine: the JAR with a JDK's ``java``, and the Python server."""

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
    """Return the command that starts the Python server of the checkout at ``root``."""
    return [sys.executable, "-I", str(root / PYTHON.artefact)]


def java_program(site: Site, emit: Emit, folder: Path) -> list[str]:
    """Build the JAR, copy it into ``folder``, and return the command by which an image starts it.

    The path of ``folder`` must be ASCII, as the checkout's may not be: Java cannot open a path with
    a letter that the locale does not have.

    Raises:
        ToolFailed: Maven failed.
        HostonlyError: there is no JDK.
    """
    built = shutil.copy(artefact(site, emit), folder)
    _, *options, _ = template(site.root, JAVA).entry_point
    return [str(runtime.find_jdk().home / "bin" / "java"), *options, str(built)]
