"""The short way of ``./inv image.build`` and ``image.push``, where they have nothing to do.

What it leaves out is loading: Invoke, pydantic, the Docker SDK, requests and an ssh login take a
second. What it asks is what the whole way asks, and of the same: the inputs' digest is computed,
the engine says which image has the name and of which layers it is, the registry serves manifest and
configuration, which are hashed, and each layer's size. Only where all of that is as it was recorded
is anything said to be unchanged. In any doubt nothing is, and the whole way is taken.

Nothing here, or in what it imports, is more than the standard library.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hostonly.errors import HostonlyError
from hostonly.image import proof, state
from hostonly.image.flavour import FLAVOURS, JAVA, Flavour, labels
from hostonly.image.inputs import inputs
from hostonly.image.state import Built, said_built, said_pushed, typed
from hostonly.registry.direct import DirectReader
from hostonly.registry.inspect import inspect
from hostonly.registry.reference import Reference
from hostonly.sandbox import quick
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.vantages.shared_ssh import connected

if TYPE_CHECKING:
    from hostonly.sandbox.machine import Machine

BUILD, PUSH = "image.build", "image.push"
# Which option of each says whose engine is meant.
_PLACE = {BUILD: "--on", PUSH: "--from"}

SOCKET = "/var/run/docker.sock"
SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A command line, understood."""

    task: str
    flavour: Flavour
    place: str


def asked(argv: Sequence[str]) -> Asked | None:
    """What a command line asks for, where it has nothing but the task and its options."""
    task, words = "".join(argv[1:2]), list(argv[2:])
    if task not in _PLACE:
        return None
    values = {"--flavour": JAVA.name, _PLACE[task]: "sandbox"}
    while words:
        option, is_equal, value = words.pop(0).partition("=")
        if option not in values or not (is_equal or words):
            return None
        values[option] = value if is_equal else words.pop(0)
    flavour, place = FLAVOURS.get(values["--flavour"]), values[_PLACE[task]]
    if flavour is None or place not in ("sandbox", "host"):
        return None
    return Asked(task, flavour, place)


@contextmanager
def noted(machine: Machine, argv: Sequence[str]) -> Iterator[None]:
    """The whole way; where it ends well and ``argv`` has a short way, the settings are noted for it."""
    yield
    if asked(argv):
        machine.remember()


def unchanged(root: Path, argv: Sequence[str]) -> list[str] | None:
    """The sentences of what is unchanged, where that is all that ``argv`` comes to in the checkout at
    ``root``; None: the whole way must be taken."""
    wanted = asked(argv)
    note = quick.recall(root) if wanted else None
    if wanted is None or note is None or note.site["image"][wanted.flavour.base]:
        return None
    try:
        return _unchanged(root, wanted, note)
    except (HostonlyError, OSError, HTTPException, ValueError, KeyError, TypeError):
        return None


def _unchanged(root: Path, wanted: Asked, note: quick.Note) -> list[str] | None:
    folder, flavour = root / ".hostonly", wanted.flavour
    built = state.load(state.record(folder, wanted.place, flavour.name))
    if built is None or not state.is_bill_of(state.bill(folder, flavour), built.config):
        return None
    if built.inputs != inputs(root, flavour, labels(root, flavour)):
        return None
    said: list[str] = []
    init = ""
    if (wanted.task, wanted.place) != (BUILD, "host"):
        init = quick.init_of(note.container)
        if not init:
            return None
        said.append(f"sandbox is up at {note.address}")
    shared = note.shared(root)
    if wanted.place == "host":
        engine = host_socket(os.environ)
    else:
        require_host_only_route(note.address, note.bridge)
        engine = shared.engine(init) if shared.ready(init) else None
    name = f"{note.settings['image']['name']}:{flavour.tag}"
    attributes = None if engine is None else _image(engine, name)
    if attributes is None or attributes["Id"] != built.image_id:
        return None
    said.append(said_built(name, built.image_id))
    if init:
        with DirectReader(note.address, _port(note), bridge=note.bridge) as registry:
            registry.answers()
            if wanted.task == PUSH:
                pushed = _pushed(registry, built, note, attributes)
                # What was pushed last may be noted of another image: the whole way notes this one.
                if pushed is None or not _noted(folder, built, note):
                    return None
                said.append(pushed)
    return said


def _pushed(
    registry: DirectReader, built: Built, note: quick.Note, attributes: dict[str, Any]
) -> str | None:
    repository, tag = str(note.site["image"]["name"]), FLAVOURS[built.flavour].tag
    there = typed(built.place, note.address, _port(note), repository)
    if f"{there}:{tag}" not in (attributes.get("RepoTags") or ()):
        return None
    served = inspect(registry, Reference(repository, tag), tags=False)
    if served is None or served.digest != built.manifest:
        return None
    image = proof.read(attributes)
    if proof.differences(served, image, there, config=built.config, pushed=False):
        return None
    return said_pushed(there, tag, served.digest)


def _noted(folder: Path, built: Built, note: quick.Note) -> bool:
    last = state.load_pushed(state.pushed_record(folder, built.flavour))
    repository = note.site["image"]["name"]
    return last is not None and (last.repository, last.manifest) == (repository, built.manifest)


def _port(note: quick.Note) -> int:
    return int(note.site["registry"]["port"])


def host_socket(environment: Mapping[str, str]) -> Path | None:
    """The socket of the host's own engine, where the user's ``docker`` goes to one of this machine.

    Source: docker(1), "Environment variables", and `docker context`.
    """
    if given := environment.get("DOCKER_HOST"):
        return Path(given.removeprefix("unix://")) if given.startswith("unix:///") else None
    if environment.get("DOCKER_CONTEXT", "default") != "default":
        return None
    config = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    if config.exists() and not environment.get("DOCKER_CONTEXT"):
        chosen = json.loads(config.read_text(encoding="utf-8")).get("currentContext") or "default"
        if chosen != "default":
            return None
    return Path(SOCKET)


class _Engine(HTTPConnection):
    """HTTP over an engine's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = connected(self._path)
        self.sock.settimeout(SECONDS)


def _image(engine: Path, name: str) -> dict[str, Any] | None:
    """The engine API's ImageInspect of ``name``; None where the engine has no such image."""
    connection = _Engine(engine)
    try:
        connection.request("GET", f"/images/{quote(name, safe=':/')}/json")
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        return None
    attributes: dict[str, Any] = json.loads(content)
    return attributes
