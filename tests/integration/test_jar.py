"""The JAR by every JDK of this machine: the same bytes twice, and from all of them from 17 on.

Debian 12 has one (17); what else is under /usr/lib/jvm is tried too, and what is not is told by name.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest

from hostonly.host.command import run
from hostonly.image.jar import build_jar
from tests.checkout import ROOT


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


def checkout(folder: Path) -> None:
    """What the JAR is made from, in ``folder``."""
    shutil.copy(ROOT / "pom.xml", folder)
    shutil.copytree(ROOT / "src/main", folder / "src/main")


def digest(checkout: Path) -> str:
    shutil.rmtree(checkout / "target", ignore_errors=True)
    return hashlib.sha256(build_jar(checkout, run).read_bytes()).hexdigest()


# Those that builds must work with and that somebody may well have: each with its own test below.
WANTED = (11, 17, 21)


@pytest.mark.long
@pytest.mark.parametrize("version", WANTED)
def test_a_jdk_builds_the_same_jar_twice(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = jdks().get(version)
    if home is None:
        pytest.skip(f"JDK {version} is not under /usr/lib/jvm: nothing is known of it here")
    monkeypatch.setitem(os.environ, "JAVA_HOME", str(home))
    checkout(tmp_path)
    assert digest(tmp_path) == digest(tmp_path)


@pytest.mark.long
def test_later_jdks_build_the_same_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = {version: home for version, home in jdks().items() if version >= 17}
    if len(homes) < 2:
        pytest.skip(f"one JDK of 17 or later at most is here ({list(homes)}): nothing to compare")
    checkout(tmp_path)
    made = {}
    for version, home in homes.items():
        monkeypatch.setitem(os.environ, "JAVA_HOME", str(home))
        made[version] = digest(tmp_path)
    assert len(set(made.values())) == 1, made
