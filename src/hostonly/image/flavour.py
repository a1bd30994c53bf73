"""The flavours of HelloSocket's image: what each is made from, and what its labels say."""

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
    """``tag`` is what the image is called behind the colon, ``artefact`` the file that goes into it;
    ``sources`` are the paths, from the checkout, that make it. ``base`` is the key, in the section
    `image` of the settings, that names another base than ours; such an image must have what
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
    """What Packer's template says of a flavour: where its artefact goes, how it is started, and which
    ports (``8080/tcp``) it is reached by."""

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
    """The flavour called ``name``. Raises UsageError: there is none."""
    if name not in FLAVOURS:
        raise UsageError(f"--flavour: {name[:60]!r} is not allowed: {' or '.join(FLAVOURS)}")
    return FLAVOURS[name]


def labels(root: Path, flavour: Flavour) -> dict[str, str]:
    """The OCI labels' values: version, and revision and time of the last commit of the inputs.

    Where something in them was changed since, the revision says so.
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
