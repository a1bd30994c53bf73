"""The JAR by every JDK of this machine: the same bytes twice, and from all of them from 17 on."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest

from hostonly.host.command import run
from hostonly.image.jar import build_jar

ROOT = Path(__file__).resolve().parents[2]


def jdks() -> dict[int, Path]:
    """The JDKs here, by their version's first number."""
    found = {}
    for home in sorted(Path("/usr/lib/jvm").glob("*")):
        try:
            release = (home / "release").read_text()
        except OSError:
            continue
        version = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
        if version and int(version[1]) >= 11 and (home / "bin/javac").is_file():
            found[int(version[1])] = home
    return found


def digest(checkout: Path) -> str:
    shutil.rmtree(checkout / "target", ignore_errors=True)
    return hashlib.sha256(build_jar(checkout, run).read_bytes()).hexdigest()


@pytest.mark.long
def test_every_jdk_builds_the_same_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = jdks()
    if not homes:
        pytest.skip("no JDK under /usr/lib/jvm")
    shutil.copy(ROOT / "pom.xml", tmp_path)
    shutil.copytree(ROOT / "src/main", tmp_path / "src/main")
    made = {}
    for version, home in homes.items():
        monkeypatch.setitem(os.environ, "JAVA_HOME", str(home))
        made[version] = digest(tmp_path)
        assert digest(tmp_path) == made[version], f"JDK {version} built two JARs"
    later = {version: built for version, built in made.items() if version >= 17}
    assert len(set(later.values())) <= 1, later
