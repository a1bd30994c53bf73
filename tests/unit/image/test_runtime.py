"""The base image: found JDK, inputs, and a tar that depends on its inputs alone."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.image import runtime
from hostonly.image.recipe import RECIPE, read_recipe
from hostonly.image.runtime import base_inputs, build_base, find_jdk, packages

ROOT = Path(__file__).parents[3]


def make_jdk(home: Path, version: str, jmods: bool = True) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin/jlink").touch()
    (home / "release").write_text(f'IMPLEMENTOR="Debian"\nJAVA_VERSION="{version}"\n')
    if jmods:
        (home / "jmods").mkdir()
        (home / "jmods/java.base.jmod").touch()
    return home


@pytest.fixture
def jdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = make_jdk(tmp_path / "jdk", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(home))
    return home


class Tools:
    """Stands in for mmdebstrap and jlink: leaves a small tar and a small runtime."""

    def __init__(self, libc: bytes = b"GLIBC_2.36", libjvm: bytes = b"GLIBC_2.34") -> None:
        self.libc = libc
        self.libjvm = libjvm
        self.mtime = 1_700_000_000
        self.asked: list[list[str]] = []

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> str:
        self.asked.append(list(argv))
        if argv[0] == "mmdebstrap":
            self.leave_packages(next(Path(word) for word in argv if word.endswith(".tar")))
        else:
            self.leave_runtime(Path(argv[-1].removeprefix("--output=")))
        self.mtime += 1000
        return ""

    def leave_packages(self, target: Path) -> None:
        with tarfile.open(target, "w") as tar:

            def put(name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> None:
                member = tarfile.TarInfo(name)
                member.type, member.size, member.mtime = kind, len(content), self.mtime
                member.uname, member.uid = "somebody", 1000
                tar.addfile(member, io.BytesIO(content))

            put("./", b"", tarfile.DIRTYPE)
            put("./dev/null", b"", tarfile.CHRTYPE)
            put("./bin/busybox", b"busybox")
            put("./lib/x86_64-linux-gnu/libc.so.6", self.libc)
            put("./usr/lib/x86_64-linux-gnu/gconv/BIG5.so", b"charset")
            put("./usr/share/doc/libc6/copyright", b"copyright")
            put("./usr/share/doc/libc6/NEWS.gz", b"news")
            put("./var/lib/dpkg/status.d/libc6", b"Package: libc6\nVersion: 2.36-9\n")

    def leave_runtime(self, target: Path) -> None:
        (target / "bin").mkdir(parents=True)
        (target / "lib/server").mkdir(parents=True)
        (target / "bin/java").write_bytes(b"java")
        (target / "bin/java").chmod(0o700)
        (target / "lib/server/libjvm.so").write_bytes(self.libjvm)
        os.utime(target / "bin/java", (self.mtime, self.mtime))


def test_java_home_comes_first_and_then_the_newest_with_modules(tmp_path: Path) -> None:
    homes = tmp_path / "homes"
    make_jdk(homes / "java-9", "9.0.4")
    newest = make_jdk(homes / "java-17", "17.0.15")
    make_jdk(homes / "java-25", "25.0.1", jmods=False)
    own = make_jdk(tmp_path / "own", "11.0.2")
    assert find_jdk({}, homes).home == newest
    assert find_jdk({"JAVA_HOME": str(own)}, homes).version == (11, 0, 2)
    assert find_jdk({"JAVA_HOME": str(homes / "java-25")}, homes).home == newest


def test_without_a_jdk_the_package_to_install_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostonlyError) as caught:
        find_jdk({}, tmp_path)
    assert caught.value.remedy == "apt-get install default-jdk-headless"


def test_the_recipe_in_the_checkout_is_understood() -> None:
    recipe = read_recipe(ROOT)
    assert "busybox" in recipe.packages
    assert {"/bin/sh", "/bin/ip", "/bin/nc", "/bin/chown"} <= set(recipe.applets)
    assert recipe.directories["/tmp"] == 0o1777
    assert recipe.files["/etc/passwd"].startswith("root:")


def test_a_broken_recipe_is_named(tmp_path: Path) -> None:
    (tmp_path / RECIPE).mkdir(parents=True)
    (tmp_path / RECIPE / "base.toml").write_text("suite = 'x'\n")
    with pytest.raises(HostonlyError, match=r"base\.toml is not a recipe"):
        read_recipe(tmp_path)


def test_equal_inputs_give_equal_bytes(tmp_path: Path, jdk: Path) -> None:
    tools = Tools()
    first = build_base(ROOT, tmp_path / "first", tools)
    old = os.umask(0o077)
    try:
        second = build_base(ROOT, tmp_path / "second", tools)
    finally:
        os.umask(old)
    assert first == (tmp_path / "first" / "base.tar").resolve()
    assert first.read_bytes() == second.read_bytes()


def test_the_tar_has_what_is_needed_and_not_what_is_dropped(tmp_path: Path, jdk: Path) -> None:
    tar = build_base(ROOT, tmp_path / "work", Tools())
    with tarfile.open(tar) as members:
        found = {member.name: member for member in members}
    assert list(found) == sorted(found)
    assert found["usr/bin/java"].linkname == "/opt/java/bin/java"
    assert found["bin/sh"].linkname == "/bin/busybox"
    assert found["opt/java/bin/java"].mode == 0o755
    assert found["opt/java/lib/server/libjvm.so"].mode == 0o644
    assert found["tmp"].mode == 0o1777
    assert found["opt"].isdir()
    assert "usr/share/doc/libc6/copyright" in found
    assert not {name for name in found if name.startswith("dev/") or "gconv" in name}
    assert "usr/share/doc/libc6/NEWS.gz" not in found
    for member in found.values():
        assert (member.uid, member.gid, member.uname, member.mtime) == (0, 0, "", 1704067200)


def test_the_packages_are_told_with_their_versions(tmp_path: Path, jdk: Path) -> None:
    assert packages(build_base(ROOT, tmp_path / "work", Tools())) == {"libc6": "2.36-9"}


def test_a_jdk_for_a_newer_c_library_is_refused(tmp_path: Path, jdk: Path) -> None:
    work = tmp_path / "work"
    with pytest.raises(HostonlyError, match=r"libjvm.so needs version 2\.38 .* has 2\.36"):
        build_base(ROOT, work, Tools(libjvm=b"GLIBC_2.4 GLIBC_2.38"))
    assert list(work.iterdir()) == []


def test_what_cannot_go_into_an_image_is_named(tmp_path: Path, jdk: Path) -> None:
    class Odd(Tools):
        def leave_packages(self, target: Path) -> None:
            with tarfile.open(target, "w") as tar:
                pipe = tarfile.TarInfo("./run/pipe")
                pipe.type = tarfile.FIFOTYPE
                tar.addfile(pipe)

    with pytest.raises(HostonlyError, match="run/pipe"):
        build_base(ROOT, tmp_path / "work", Odd())


def test_a_failed_build_leaves_the_older_base(tmp_path: Path, jdk: Path) -> None:
    tar = build_base(ROOT, tmp_path, Tools())
    before = tar.read_bytes()

    class Broken(Tools):
        def leave_runtime(self, target: Path) -> None:
            raise ToolFailed("jlink failed", ran="jlink")

    with pytest.raises(ToolFailed):
        build_base(ROOT, tmp_path, Broken())
    assert tar.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base.tar", "jdk"]


def test_newer_jlinks_are_asked_in_their_own_words(tmp_path: Path, jdk: Path) -> None:
    tools = Tools()
    build_base(ROOT, tmp_path / "old", tools, mirror="http://mirror.invalid/debian")
    assert tools.asked[0][-1] == "http://mirror.invalid/debian"
    assert "--compress=2" in tools.asked[1]
    (jdk / "release").write_text('JAVA_VERSION="21"\n')
    build_base(ROOT, tmp_path / "new", tools)
    assert "--compress=zip-6" in tools.asked[3]


@pytest.mark.parametrize(("version", "new"), [("11.0.2", False), ("12", False), ("13", True)])
def test_only_java_code_is_stripped(tmp_path: Path, jdk: Path, version: str, new: bool) -> None:
    tools = Tools()
    (jdk / "release").write_text(f'JAVA_VERSION="{version}"\n')
    build_base(ROOT, tmp_path, tools)
    assert ("--strip-java-debug-attributes" in tools.asked[1]) is new
    assert ("--strip-debug" in tools.asked[1]) is not new


def test_the_inputs_change_with_recipe_and_jdk(
    tmp_path: Path, jdk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / RECIPE, tmp_path / RECIPE)
    seen = [base_inputs(tmp_path)]
    assert base_inputs(tmp_path) == seen[0]
    (jdk / "release").write_text('JAVA_VERSION="17.0.21"\n')
    seen.append(base_inputs(tmp_path))
    recipe = tmp_path / RECIPE / "base.toml"
    recipe.write_text(recipe.read_text().replace("bookworm", "trixie"))
    seen.append(base_inputs(tmp_path))
    other = tmp_path / "runtime.py"
    other.write_text("# another way of putting it together\n")
    monkeypatch.setattr(runtime, "__file__", str(other))
    seen.append(base_inputs(tmp_path))
    assert len(set(seen)) == len(seen)
