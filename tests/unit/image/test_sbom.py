"""The bill of materials: read from an image's own files, and held against CycloneDX's schema."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from docker.errors import NotFound

from hostonly.image.engine import Engine
from hostonly.image.record import is_bill_of
from hostonly.image.sbom import (
    Contents,
    Package,
    document,
    lacking,
    packages_in,
    read,
    release_in,
)

# From /var/lib/dpkg/status.d of the base image (shortened), and two paragraphs of a dpkg's status.
CONTROL = """Package: libc6
Source: glibc
Version: 2.36-9+deb12u14
Architecture: amd64
Multi-Arch: same
Description: GNU C Library: Shared libraries
 Contains the standard libraries that are used by nearly all programs on
 the system.
"""
STATUS = """Package: adduser
Status: install ok installed
Version: 3.134
Architecture: all

Package: gone
Status: deinstall ok config-files
Version: 1
Architecture: amd64
"""
RELEASE = 'IMPLEMENTOR="Debian"\nJAVA_VERSION="17.0.15"\nMODULES="java.logging java.base"\n'

CONFIG = "sha256:" + "c" * 64
CONTENTS = Contents(
    (Package("libc6", "2.36-9+deb12u14", "amd64"),),
    "debian",
    "debian-12",
    "17.0.15",
    ("java.base",),
    ("/opt/hello-socket.jar", "d" * 64),
)


def bill(contents: Contents = CONTENTS) -> str:
    return document(contents, "hello-socket", CONFIG, "2024-01-01T00:00:00Z")


def test_packages_by_their_control_data() -> None:
    assert packages_in(CONTROL) == [Package("libc6", "2.36-9+deb12u14", "amd64")]


def test_only_installed_ones_by_dpkgs_status() -> None:
    assert packages_in(STATUS) == [Package("adduser", "3.134", "all")]
    assert packages_in("") == []


def test_a_java_runtime_by_its_release() -> None:
    assert release_in(RELEASE) == ("17.0.15", ("java.base", "java.logging"))
    assert release_in("") == (None, ())


def test_it_is_valid_cyclonedx() -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(bill()) is None
    assert validator.validate_str(bill(replace(CONTENTS, distribution="", java=None))) is None
    broken = json.loads(bill())
    broken["components"][0]["type"] = "jar"
    assert validator.validate_str(json.dumps(broken)) is not None


def test_it_tells_everything() -> None:
    told = json.loads(bill())
    assert {component["name"] for component in told["components"]} == {
        "libc6",
        "java.base",
        "hello-socket.jar",
    }
    purls = {component.get("purl") for component in told["components"]}
    assert "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12" in purls
    (jar,) = (c for c in told["components"] if c["name"] == "hello-socket.jar")
    assert jar["hashes"] == [{"alg": "SHA-256", "content": "d" * 64}]
    assert told["metadata"]["component"]["bom-ref"] == CONFIG


def test_a_package_is_called_as_package_urls_are_written() -> None:
    odd = Package("libstdc++6", "1:12.2~rc1-14+b1", "amd64")
    nowhere = bill(replace(CONTENTS, packages=(odd,), distribution=""))
    assert '"pkg:deb/debian/libstdc%2B%2B6@1:12.2~rc1-14%2Bb1?arch=amd64"' in nowhere
    assert '"pkg:generic/openjdk/java.base"' in bill(replace(CONTENTS, java=None))


def test_the_same_image_gives_the_same_bytes() -> None:
    assert bill() == bill()


def test_whose_bill_it_is(tmp_path: Path) -> None:
    file = tmp_path / "bill.json"
    assert not is_bill_of(file, CONFIG)
    file.write_text(bill())
    assert is_bill_of(file, CONFIG)
    assert not is_bill_of(file, "sha256:" + "e" * 64)
    file.write_text("[]")
    assert not is_bill_of(file, CONFIG)


class Container:
    """An image's files by path; a path that begins with -> is where a link leads to in the end."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def get_archive(self, path: str) -> tuple[Iterator[bytes], dict[str, str]]:
        if path not in self.files:
            raise NotFound(path)
        content, target = self.files[path].encode(), ""
        if content.startswith(b"->"):
            content, target = b"", content[2:].decode()
        with io.BytesIO() as packed:
            with tarfile.open(fileobj=packed, mode="w") as tar:
                member = tarfile.TarInfo(path.rpartition("/")[2])
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            return iter((packed.getvalue(),)), {"linkTarget": target}

    def remove(self, **_: object) -> None:
        """Nothing is left of it."""


def contents(files: dict[str, str], *environment: str) -> Contents:
    image = SimpleNamespace(attrs={"Config": {"Env": list(environment) or None}})
    container = Container({"/opt/a.jar": "jar", **files})
    client = SimpleNamespace(
        images=SimpleNamespace(get=lambda name: image),
        containers=SimpleNamespace(create=lambda name, **_: container),
    )
    return read(Engine("sandbox", {}, lambda: None, cast(Any, client)), "sha256:1", "/opt/a.jar")


UBUNTU = 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="24.04"\n'
ALPINE = 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.1\n'


def test_whose_package_it_is_by_the_images_own_word() -> None:
    found = contents({"/var/lib/dpkg/status": STATUS, "/etc/os-release": UBUNTU})
    assert (found.vendor, found.distribution) == ("ubuntu", "ubuntu-24.04")
    assert found.artefact == ("/opt/a.jar", hashlib.sha256(b"jar").hexdigest())
    assert "pkg:deb/ubuntu/adduser@3.134?arch=all&distro=ubuntu-24.04" in bill(found)
    assert "pkg:deb/debian/" in bill(replace(found, vendor=""))


def test_java_is_found_where_it_is_said_to_be_or_lies() -> None:
    other = 'JAVA_VERSION="21"\nMODULES="java.base"\n'
    jvm = "/usr/lib/jvm/java-17-openjdk-amd64"
    debians = {"/usr/bin/java": f"->{jvm}/bin/java", f"{jvm}/release": RELEASE}
    assert contents(debians).java == "17.0.15"
    own = {"/opt/java/openjdk/release": other, **debians}
    assert contents(own, "JAVA_HOME=/opt/java/openjdk").java == "21"
    # A JAVA_HOME that leads nowhere, and a java on the PATH that is no link.
    plain = {"/jre/bin/java": "ELF", "/jre/release": other}
    assert contents(plain, "JAVA_HOME=/gone", "PATH=/bin:/jre/bin").java == "21"
    linked = {"/usr/bin/java": "->/opt/java/bin/java", "/opt/java/release": f"->{jvm}/release"}
    assert contents({**linked, f"{jvm}/release": RELEASE}).modules == ("java.base", "java.logging")


def test_what_it_cannot_tell_is_said() -> None:
    assert lacking(CONTENTS, java=True) == []
    alpine = contents({"/etc/os-release": ALPINE})
    packages, modules = lacking(alpine, java=True)
    assert "no packages of alpine-3.20.1" in packages and "no module of Java" in modules
    assert len(lacking(alpine, java=False)) == 1
