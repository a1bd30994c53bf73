"""The bill of materials of an image: what was found in the image itself, as CycloneDX 1.6 JSON.

It is read out of the image and not out of the recipe, so that it covers an image on a user's own
base as well: dpkg's packages (Debian, Ubuntu and their like) by their control data, the modules of
the Java runtime by its own ``release`` file, and what this project put on top by its digest. Other
packagers' packages are not read, and ``lacking`` says so. The same image gives the same bytes.

Sources: deb-control(5), dpkg(1) for ``/var/lib/dpkg/status``; the ``release`` file of JEP 223;
CycloneDX 1.6 and package-url for the document.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hostonly.image.engine import Engine
from hostonly.image.flavour import VERSION

if TYPE_CHECKING:
    from docker.models.containers import Container

# What an image has that says nothing else (moby, system.DefaultPathEnv).
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Where packages are told of: by dpkg itself, and by images that have no dpkg.
STATUS = ("/var/lib/dpkg/status", "/var/lib/dpkg/status.d")


@dataclass(frozen=True, slots=True)
class Package:
    """A package of dpkg's as its control data has it."""

    name: str
    version: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of an image; ``artefact`` is path and SHA-256 of what this project put on top.

    ``vendor`` is the ID of ``/etc/os-release``, ``distribution`` that and VERSION_ID; both are
    empty where there is none. ``java`` is the runtime's version, None without a runtime."""

    packages: tuple[Package, ...]
    vendor: str
    distribution: str
    java: str | None
    modules: tuple[str, ...]
    artefact: tuple[str, str]


def packages_in(control: str) -> list[Package]:
    """Return the installed packages in control data, paragraphs with empty lines between them."""
    found = []
    for paragraph in re.split(r"\n\s*\n", control):
        fields = dict(re.findall(r"^(\S+): *(.*)$", paragraph, re.MULTILINE))
        # dpkg keeps the paragraphs of removed packages whose settings are still there.
        installed = fields.get("Status", "install ok installed").endswith(" installed")
        if {"Package", "Version"} <= fields.keys() and installed:
            found.append(
                Package(fields["Package"], fields["Version"], fields.get("Architecture", "all"))
            )
    return found


def release_in(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Return version and modules of a Java runtime, from its ``release`` file."""
    fields = dict(re.findall(r'^(\w+)="(.*)"$', text, re.MULTILINE))
    return fields.get("JAVA_VERSION"), tuple(sorted(fields.get("MODULES", "").split()))


def lacking(contents: Contents, *, java: bool) -> list[str]:
    """Return sentences about what the bill cannot tell, though nearly every image has it.

    ``java`` says that the image has a Java runtime."""
    found = []
    if not contents.packages:
        of = f" of {contents.distribution}" if contents.distribution else ""
        found.append(f"the bill of materials names no packages{of}: only dpkg's are read")
    if java and not contents.modules:
        found.append(
            "the bill of materials names no module of Java: no runtime's release was found"
        )
    return found


def read(engine: Engine, image_id: str, artefact: str) -> Contents:
    """Look into an image on ``engine``; ``artefact`` is the path of what was put on top.

    A container is made for it and never started.
    """
    attributes = engine.client.images.get(image_id).attrs
    environment = dict(entry.partition("=")[::2] for entry in attributes["Config"].get("Env") or ())
    container = engine.create(image_id, network_mode="none")
    try:
        files = {
            path: list(_files(container, path))
            for path in (*STATUS, "/etc/os-release", "/usr/lib/os-release", artefact)
        }
        homes = _java_homes(container, environment)
        releases = (content for home in homes for content in _files(container, f"{home}/release"))
        release = next(releases, b"")
    finally:
        container.remove(force=True, v=True)
    control = [content.decode(errors="replace") for path in STATUS for content in files[path]]
    found = {package.name: package for text in control for package in packages_in(text)}
    java, modules = release_in(release.decode(errors="replace"))
    system = b"".join(files["/etc/os-release"] or files["/usr/lib/os-release"]).decode()
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', system, re.MULTILINE))
    (content,) = files[artefact]
    return Contents(
        tuple(found[name] for name in sorted(found)),
        fields.get("ID", ""),
        "-".join(fields[key] for key in ("ID", "VERSION_ID") if key in fields),
        java,
        modules,
        (artefact, hashlib.sha256(content).hexdigest()),
    )


def _java_homes(container: Container, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield where a Java runtime may be: at JAVA_HOME, and where ``java`` on the PATH leads to."""
    if home := environment.get("JAVA_HOME"):
        yield home
    for folder in environment.get("PATH", PATH).split(":"):
        java = f"{folder}/java"
        if (at := _at(container, java)) is not None:
            yield str(PurePosixPath(at[1] or java).parents[1])


def _at(container: Container, path: str) -> tuple[Iterator[bytes], str | None] | None:
    """Return a tar, in pieces, of what is at ``path``, and a link's final target; else None."""
    from docker.errors import NotFound

    try:
        chunks, about = container.get_archive(path)
    except NotFound:
        return None
    target = (about or {}).get("linkTarget")
    return chunks, target if target != path else None


def _files(container: Container, path: str) -> Iterator[bytes]:
    """Yield the content of the file at ``path``, or of all files in that folder; follow links."""
    found = _at(container, path)
    if found is None:
        return
    chunks, target = found
    if target:
        yield from _files(container, target)
        return
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                yield content.read()


def document(contents: Contents, name: str, config: str, created: str) -> str:
    """Return the bill of materials of the image ``name`` whose configuration is ``config``.

    ``config`` is a digest; ``created`` is the image's own time (RFC 3339)."""
    purl = _purl("oci", PurePosixPath(name).name, version=config)
    image = _component("container", name, VERSION, purl) | {"bom-ref": config}
    components = list(_components(contents))
    references = [component["bom-ref"] for component in components]
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"hostonly:{name}@{config}").urn,
        "version": 1,
        "metadata": {"timestamp": created, "component": image},
        "components": components,
        "dependencies": [{"ref": config, "dependsOn": references}],
    }
    return json.dumps(bill, indent=2) + "\n"


def _components(contents: Contents) -> Iterator[dict[str, Any]]:
    for package in contents.packages:
        told = {"arch": package.architecture, "distro": contents.distribution}
        vendor = contents.vendor or "debian"
        purl = _purl("deb", vendor, package.name, version=package.version, qualifiers=told)
        yield _component("library", package.name, package.version, purl)
    for module in contents.modules:
        purl = _purl("generic", "openjdk", module, version=contents.java)
        yield _component("framework", module, contents.java, purl) | {"group": "openjdk"}
    path, digest = contents.artefact
    yield {
        "type": "application",
        "group": "hostonly",
        "name": PurePosixPath(path).name,
        "version": VERSION,
        "bom-ref": path,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def _component(kind: str, name: str, version: str | None, purl: str) -> dict[str, Any]:
    """Return a component, referred to by its package URL; a ``version`` of None is left out."""
    known = {"version": version} if version else {}
    return {"type": kind, "name": name, **known, "bom-ref": purl, "purl": purl}


def _purl(*path: str, version: str | None, qualifiers: Mapping[str, str] | None = None) -> str:
    """Return a package URL; ``path`` has type, namespace and name.

    ``qualifiers`` are given in the order of their names; those that are empty are left out."""

    def quoted(text: str) -> str:
        return quote(text, safe=":")

    told = "&".join(f"{key}={quoted(value)}" for key, value in (qualifiers or {}).items() if value)
    purl = f"pkg:{'/'.join(map(quoted, path))}"
    return purl + (f"@{quoted(version)}" if version else "") + (f"?{told}" if told else "")
