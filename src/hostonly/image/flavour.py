"""The flavours of HelloSocket's image: the inputs of each, and the values of its labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hostonly.errors import ToolFailed, UsageError
from hostonly.host.command import run

VERSION = "1.0"

# Packer's template, of all flavours.
TEMPLATE = Path("packer/hello-socket.pkr.json")

# An image's labels must not change from day to day: this is the time where there is no history.
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Flavour:
    """A flavour of the image, made from the paths in ``sources`` (from the checkout's folder).

    ``tag`` is the image's tag, ``artefact`` the file that goes into it. ``base`` is the key, in the
    section ``image`` of the settings, that names another base than ours; such a base must have what
    ``needs`` says."""

    name: str
    tag: str
    artefact: Path
    sources: tuple[str, ...]
    base: str
    needs: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The paths whose last commit is the image's revision."""
        return (*self.sources, "packer/base", str(TEMPLATE))


JAVA = Flavour(
    "java",
    "latest",
    Path("target/hello-socket.jar"),
    ("pom.xml", "src/main"),
    "base",
    "Java 11 or newer on its PATH, and a shell",
)
PYTHON = Flavour(
    "python",
    "python",
    Path("src/hostonly/hello/server.py"),
    ("src/hostonly/hello/server.py",),
    "python_base",
    "Python 3.11 or newer on its PATH, as python3, and a shell",
)
FLAVOURS = {flavour.name: flavour for flavour in (JAVA, PYTHON)}


@dataclass(frozen=True, slots=True)
class Template:
    """The part of Packer's template about a flavour; ``destination`` is the path of its artefact.

    ``entry_point`` is the command that starts it, ``ports`` (``8080/tcp``) are where it is reached.
    """

    destination: str
    entry_point: tuple[str, ...]
    ports: tuple[str, ...]


def template(root: Path, flavour: Flavour) -> Template:
    """Read what the template in the checkout at ``root`` says of ``flavour``."""
    document = json.loads((root / TEMPLATE).read_text(encoding="utf-8"))
    its = document["locals"]["flavours"][flavour.name]
    (builder,) = document["source"]["docker"].values()
    changes = [change.split(" ", 1) for change in builder["changes"]]
    return Template(
        its["destination"],
        tuple(its["entry_point"]),
        tuple(f"{port}/tcp" for word, rest in changes if word == "EXPOSE" for port in rest.split()),
    )


def flavour_named(name: str) -> Flavour:
    """Return the flavour called ``name``.

    Raises:
        UsageError: there is none.
    """
    if name not in FLAVOURS:
        raise UsageError(f"--flavour: {name[:60]!r} is not allowed: {' or '.join(FLAVOURS)}")
    return FLAVOURS[name]


def labels(root: Path, flavour: Flavour) -> dict[str, str]:
    """Return the OCI labels' values: version, and revision and time of the inputs' last commit.

    The revision says so where an input was changed since.
    """
    values = {"version": VERSION, "revision": "unknown", "created": EPOCH}
    try:
        line = _git(
            root, "log", "-1", "--format=%H %cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", flavour
        ).split()
        changed = _git(root, "status", "--porcelain", flavour)
    except ToolFailed:
        # A tarball of the sources has no history; the labels say so.
        return values
    if len(line) == 2:
        values["revision"], values["created"] = line
        values["revision"] += "-modified" if changed.strip() else ""
    return values


def _git(root: Path, *words: str | Flavour) -> str:
    argv = ["git", "-C", str(root)]
    for word in words:
        argv += ["--", *word.inputs] if isinstance(word, Flavour) else [word]
    # Looking must not write the index, which another git may be writing just now.
    environment: Mapping[str, str] = {"TZ": "UTC", "GIT_OPTIONAL_LOCKS": "0"}
    return run(argv, env=environment, timeout=20)
