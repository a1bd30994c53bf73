"""The parts of an image: the JAR or the Python server, and the base's archive."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from pathlib import Path

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Done, Emit, Progress, Started
from hostonly.host import atomic, packages
from hostonly.host.command import find, run
from hostonly.image import jar, runtime
from hostonly.image.flavour import JAVA, Flavour
from hostonly.site import Site


def tools(flavour: Flavour = JAVA) -> tuple[str, ...]:
    """Return the Debian packages that a build needs; a Maven or JDK that is there is used."""
    needed = ["packer", "mmdebstrap"]
    if flavour is not JAVA:
        return tuple(needed)
    if find("mvn") is None:
        needed.append("maven")
    try:
        runtime.find_jdk()
    except HostonlyError:
        needed.append("default-jdk-headless")
    return tuple(needed)


def test_hello(root: Path, emit: Emit) -> None:
    """Run Maven's own tests of HelloSocket, and install Maven and a JDK where they are missing.

    Raises:
        ToolFailed: a test failed; with its last lines.
        HostonlyError: there was no test.
    """
    packages.install(tools(), emit, root=root)
    emit(Started("mvn -Psocket test"))
    start = time.monotonic()
    lines: list[str] = []

    def said(line: str) -> None:
        lines.append(line)
        emit(Progress(line))

    try:
        passed = jar.run_tests(root, partial(run, on_line=said))
    except ToolFailed as error:
        output = jar.failures(lines) or error.output
        raise ToolFailed(error.what, ran=error.ran, output=output, remedy=error.remedy) from error
    emit(Done(f"{passed} tests of HelloSocket passed", time.monotonic() - start))


def parts(site: Site, emit: Emit, flavour: Flavour = JAVA) -> tuple[Path, Path]:
    """Return the JAR or server, and the archive of our base image; no sandbox is needed.

    Each is made where it is missing, or where its inputs have changed.

    Raises:
        ToolFailed: Maven, mmdebstrap or jlink failed; with its last lines.
    """
    return artefact(site, emit, flavour), base_archive(site, emit, flavour)


def artefact(site: Site, emit: Emit, flavour: Flavour = JAVA) -> Path:
    """Return the file that goes into the image, built first where it has to be."""
    if flavour is not JAVA:
        return site.root / flavour.artefact
    packages.install(tools(), emit, root=site.root)
    stamp = site.state / "image" / "jar"
    made = site.root / jar.JAR
    wanted = jar.jar_inputs(site.root)
    # The JAR lies where Maven and people write too: what it holds counts, not that it is there.
    if _stamped(stamp, wanted, made):
        return made
    emit(Started("building the JAR: mvn -Psocket package"))
    start = time.monotonic()
    made = jar.build_jar(site.root, run)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(f"{wanted} {digest_of(made)}\n", encoding="utf-8")
    emit(Done("built the JAR", time.monotonic() - start))
    return made


def _stamped(stamp: Path, wanted: str, made: Path) -> bool:
    """Return whether ``made`` was made last, and from the inputs that are ``wanted`` now."""
    try:
        return stamp.read_text(encoding="utf-8") == f"{wanted} {digest_of(made)}\n"
    except FileNotFoundError:
        return False


def base_archive(site: Site, emit: Emit, flavour: Flavour = JAVA) -> Path:
    """Return the base image's root file system, from the cache where its inputs are the same."""
    packages.install(tools(flavour), emit, root=site.root)
    root = site.root
    folder = site.state / "image" / ("base" if flavour is JAVA else f"base-{flavour.name}")
    archive, stamp = folder / "base.tar", folder / "inputs"
    wanted = runtime.base_inputs(root, flavour.name)
    if archive.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return archive
    what = "a Java runtime by jlink" if flavour is JAVA else "Python among them"
    emit(Started(f"building the base image: Debian packages, {what}"))
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    start = time.monotonic()
    archive = runtime.build_base(root, folder, run, flavour=flavour.name)
    # Before what vouches for it.
    atomic.settle(archive)
    stamp.write_text(wanted, encoding="utf-8")
    emit(Done("built the base image", time.monotonic() - start))
    return archive


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, as Docker writes it (``sha256:…``)."""
    with file.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
