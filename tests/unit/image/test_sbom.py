"""The bill of materials: read from an image's own files, and held against CycloneDX's schema."""

from __future__ import annotations

import json
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from hostonly.image.sbom import (
    Contents,
    Package,
    document,
    packages_in,
    release_in,
)
from hostonly.image.state import is_bill_of

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
