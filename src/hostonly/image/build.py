"""Building the image: the JAR by Maven, the base from packages, the image by Packer."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Done, Emit, Progress, Started, Unchanged
from hostonly.host import packages
from hostonly.host.command import find, run
from hostonly.image import jar, runtime, state
from hostonly.image.engine import Engine, docker_cli
from hostonly.sandbox.machine import Machine
from hostonly.settings import Settings

TEMPLATE = Path("packer") / "hello-socket.json"

# The build container's name is the mark by which a killed build's remains are found.
BUILD_CONTAINER = "hostonly-packer"

VERSION = "1.0"

# Not before the JAR was compiled and the base unpacked: the last commit that touched the inputs.
_INPUTS = ("pom.xml", "src/main", "packer/base", str(TEMPLATE))


@dataclass(frozen=True, slots=True)
class Image:
    """An image on an engine: ``repository`` is its name there, ``id`` the digest of its configuration."""

    repository: str
    id: str


def tools() -> tuple[str, ...]:
    """The Debian packages that building needs here: a user's own Maven or JDK is used as it is."""
    needed = ["packer", "mmdebstrap"]
    if find("mvn") is None:
        needed.append("maven")
    try:
        runtime.find_jdk()
    except HostonlyError:
        needed.append("default-jdk-headless")
    return tuple(needed)


def test_hello(root: Path, emit: Emit) -> None:
    """Run Maven's own tests of HelloSocket, installing Maven and a JDK where they are missing.

    Raises:
        ToolFailed: a test failed, with its last lines. HostonlyError: there was none.
    """
    packages.install(tools(), emit, root=root)
    emit(Started("mvn -Psocket test"))
    start = time.monotonic()
    passed = jar.run_tests(root, partial(run, on_line=lambda line: emit(Progress(line))))
    emit(Done(f"{passed} tests of HelloSocket passed", time.monotonic() - start))


def inputs(root: Path, labels: Mapping[str, str]) -> str:
    """What the image is made from, as a hex digest."""
    parts = [jar.jar_inputs(root), runtime.base_inputs(root), (root / TEMPLATE).read_text()]
    parts += [f"{key}={value}" for key, value in sorted(labels.items())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def labels(root: Path) -> dict[str, str]:
    """The OCI labels' values: version, and revision and time of the last commit of the inputs."""
    values = {"version": VERSION, "revision": "unknown", "created": "1970-01-01T00:00:00Z"}
    try:
        line = run(
            [
                *("git", "-C", str(root), "log", "-1", "--format=%H %cd"),
                *("--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--", *_INPUTS),
            ],
            env={"TZ": "UTC"},
            timeout=20,
        ).split()
    except ToolFailed:
        # A tarball of the sources has no history; the labels say so.
        return values
    if len(line) == 2:
        values["revision"], values["created"] = line
    return values


def build(machine: Machine, engine: Engine, emit: Emit) -> state.Built:
    """The image of this checkout on ``engine``, built unless it is there and unchanged.

    Raises:
        ToolFailed: Maven, mmdebstrap, jlink or Packer failed; with its last lines.
    """
    settings = machine.settings
    packages.install(tools(), emit, root=settings.root)
    told = labels(settings.root)
    wanted = inputs(settings.root, told)
    record = settings.state / "image" / "built.json"
    before = state.load(record)
    repository = settings.image.name
    if before and before.inputs == wanted and _has(engine, before.image_id):
        _tag(engine, before.image_id, repository)
        emit(Unchanged(f"the image {repository} is built and unchanged ({short(before.image_id)})"))
        return before
    start = time.monotonic()
    artefact, archive = parts(settings, emit)
    base_id = _import(engine, archive, emit)
    image_id = _packer(machine, engine, base_id, artefact, told, emit)
    _prove_base(engine, image_id, archive)
    built = state.Built(wanted, image_id)
    state.save(record, built)
    emit(Done(f"built the image {repository} ({short(image_id)})", time.monotonic() - start))
    return built


def short(digest: str) -> str:
    """The first twelve digits of a digest, as Docker shows it."""
    return digest.removeprefix("sha256:")[:12]


def _has(engine: Engine, image_id: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        return bool(engine.client.images.get(image_id).id == image_id)
    except ImageNotFound:
        return False


def _tag(engine: Engine, image_id: str, repository: str, tag: str = "latest") -> bool:
    """Make the tag name the image; whether it named another before."""
    from docker.errors import ImageNotFound

    try:
        if engine.client.images.get(f"{repository}:{tag}").id == image_id:
            return False
        other = True
    except ImageNotFound:
        other = False
    engine.client.images.get(image_id).tag(repository, tag)
    return other


def parts(settings: Settings, emit: Emit) -> tuple[Path, Path]:
    """What the image is put together from: the JAR, and the archive of the base image.

    Needs no sandbox. Each is made where it is missing or not what its inputs ask for.

    Raises:
        ToolFailed: Maven, mmdebstrap or jlink failed; with its last lines.
    """
    packages.install(tools(), emit, root=settings.root)
    return _jar(settings, emit), _base_tar(settings, emit)


def _jar(settings: Settings, emit: Emit) -> Path:
    stamp = settings.state / "image" / "jar"
    artefact = settings.root / jar.JAR
    wanted = jar.jar_inputs(settings.root)
    # The JAR lies where Maven and people write too: what it holds counts, not that it is there.
    if _stamped(stamp, wanted, artefact):
        return artefact
    emit(Started("building the JAR: mvn -Psocket package"))
    start = time.monotonic()
    artefact = jar.build_jar(settings.root, run)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(f"{wanted} {_digest(artefact)}\n")
    emit(Done("built the JAR", time.monotonic() - start))
    return artefact


def _stamped(stamp: Path, wanted: str, made: Path) -> bool:
    """Whether ``made`` is what was made last, from the inputs that are ``wanted`` now."""
    try:
        return stamp.read_text() == f"{wanted} {_digest(made)}\n"
    except FileNotFoundError:
        return False


def _base_tar(settings: Settings, emit: Emit) -> Path:
    """The base image's root file system, from the cache where its inputs are the same."""
    root = settings.root
    folder = settings.state / "image" / "base"
    archive, stamp = folder / "base.tar", folder / "inputs"
    wanted = runtime.base_inputs(root)
    if archive.exists() and stamp.exists() and stamp.read_text() == wanted:
        return archive
    emit(Started("building the base image: Debian packages and a Java runtime by jlink"))
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    start = time.monotonic()
    archive = runtime.build_base(root, folder, run)
    stamp.write_text(wanted)
    emit(Done("built the base image", time.monotonic() - start))
    return archive


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def _import(engine: Engine, archive: Path, emit: Emit) -> str:
    """The base as an image on ``engine``: its tag there, which names the archive's digest."""
    from docker.errors import ImageNotFound

    reference = f"hostonly-base:{short(_digest(archive))}"
    try:
        engine.client.images.get(reference)
    except ImageNotFound:
        emit(Started("importing the base image into the sandbox's engine"))
        repository, tag = reference.split(":")
        engine.client.api.import_image_from_file(str(archive), repository=repository, tag=tag)
        engine.client.images.get(reference)
    return reference


def _packer(
    machine: Machine, engine: Engine, base: str, artefact: Path, told: Mapping[str, str], emit: Emit
) -> str:
    from docker.errors import NotFound

    settings = machine.settings
    root, work = settings.root, settings.state / "packer"
    work.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(NotFound):
        # What a build that was killed has left; the name is ours.
        engine.client.containers.get(BUILD_CONTAINER).remove(force=True, v=True)
    variables = {"base": base, "jar": str(artefact), "repository": settings.image.name, **told}
    given = [word for key, value in variables.items() for word in ("-var", f"{key}={value}")]
    emit(Started("packer build " + str(TEMPLATE)))
    path = f"{docker_cli(machine)}:/usr/local/bin:/usr/bin:/bin"
    run(
        ["packer", "build", "-color=false", *given, str(TEMPLATE)],
        cwd=root,
        env={
            "DOCKER_HOST": engine.url,
            "DOCKER_CONFIG": str(work / "docker"),
            "PATH": path,
            "CHECKPOINT_DISABLE": "1",
            "PACKER_CACHE_DIR": str(work / "cache"),
            "PACKER_CONFIG_DIR": str(work),
            "TMPDIR": str(work),
        },
        timeout=600,
        on_line=lambda line: emit(Progress(line)),
    )
    return str(engine.client.images.get(f"{settings.image.name}:latest").id)


def _prove_base(engine: Engine, image_id: str, archive: Path) -> None:
    """The image's first layer must be the archive's very bytes (a layer's diff id is their digest).

    Raises:
        HostonlyError: it is not.
    """
    layers = engine.client.images.get(image_id).attrs["RootFS"]["Layers"]
    if not layers or layers[0] != _digest(archive):
        raise HostonlyError(
            f"the image {short(image_id)} does not stand on the base that was built for it",
            ran=f"docker image inspect {short(image_id)}",
            output=f"first layer {layers[:1]}, base {_digest(archive)}",
            remedy="./inv image.build",
        )
