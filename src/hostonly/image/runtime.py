"""The base image of HelloSocket: a C library, busybox and a Java runtime or Python, as one tar.

The recipe is ``packer/base/base.toml``. Packages come from mmdebstrap, the Java runtime from jlink;
both are put together here, entry by entry, so that it needs neither root nor Docker and equal
inputs give equal bytes. ``docker import`` makes an image of the tar.
"""

from __future__ import annotations

import fnmatch
import io
import os
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hostonly.errors import HostonlyError
from hostonly.host.command import Run
from hostonly.image.jar import digest
from hostonly.image.recipe import RECIPE, Recipe, read_recipe

TAR = "base.tar"
JAVA_HOMES = Path("/usr/lib/jvm")

# Where the runtime goes; /usr/bin/java links into it, so that it is on any PATH.
OPT_JAVA = "/opt/java"

# Some 5 MB of packages, but the mirror's index of packages too.
BOOTSTRAP_TIMEOUT = 600.0
JLINK_TIMEOUT = 300.0


@dataclass(frozen=True, slots=True)
class Jdk:
    """A JDK that can make a runtime: its folder, and its version, such as (17, 0, 15)."""

    home: Path
    version: tuple[int, ...]

    @property
    def release(self) -> str:
        """The JDK's description of itself, which names the exact build."""
        return (self.home / "release").read_text(encoding="utf-8")


def _jdk(home: Path) -> Jdk | None:
    """Return the JDK at ``home``; None where there is none, or one that jlink cannot work from."""
    if not (home / "jmods" / "java.base.jmod").is_file() or not (home / "bin" / "jlink").is_file():
        return None
    try:
        release = (home / "release").read_text(encoding="utf-8")
    except OSError:
        return None
    version = re.search(r'^JAVA_VERSION="(\d+(?:\.\d+)*)', release, re.MULTILINE)
    if version is None:
        return None
    return Jdk(home, tuple(int(part) for part in version[1].split(".")))


def find_jdk(environment: Mapping[str, str] = os.environ, homes: Path = JAVA_HOMES) -> Jdk:
    """Return the JDK at JAVA_HOME, else the newest one under ``homes`` with modules (``jmods``).

    Raises:
        HostonlyError: there is none.
    """
    chosen = environment.get("JAVA_HOME")
    if chosen and (jdk := _jdk(Path(chosen))):
        return jdk
    candidates = [jdk for home in sorted(homes.glob("*")) if (jdk := _jdk(home.resolve()))]
    if not candidates:
        raise HostonlyError(
            f"No JDK with jlink and its modules, neither at JAVA_HOME nor under {homes}.",
            remedy="apt-get install default-jdk-headless",
        )
    return max(candidates, key=lambda jdk: (jdk.version, str(jdk.home)))


def base_inputs(root: Path, flavour: str = "java") -> str:
    """Return a hex digest of what the base is made from: the recipe, this module, and a JDK if any.

    The versions of the packages are the mirror's at the time of building and are not part of it;
    ``packages(tar)`` tells which ones a base was built with.

    Raises:
        HostonlyError: there is no JDK.
        OSError: ``root`` has no recipe.
    """
    recipe = [path for path in (root / RECIPE).iterdir() if path.is_file()]
    jdk = find_jdk().release if read_recipe(root, flavour).modules else ""
    return digest(root, recipe, flavour, jdk, Path(__file__).read_text(encoding="utf-8"))


def build_base(
    root: Path, workdir: Path, run: Run, *, flavour: str = "java", mirror: str | None = None
) -> Path:
    """Build the base's root file system as ``base.tar`` in ``workdir``, and return its path.

    ``mirror`` is a package mirror's URL; without one, Debian's own are used, with the security
    updates. An older ``base.tar`` is replaced only by a complete new one. Any user may do this.

    Raises:
        ToolFailed: mmdebstrap or jlink failed.
        HostonlyError: there is no JDK, or one made for a newer C library than the base's.
    """
    recipe = read_recipe(root, flavour)
    jdk = find_jdk() if recipe.modules else None
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="base-", dir=workdir) as scratch_name:
        scratch = Path(scratch_name).resolve()
        packages_tar = scratch / "packages.tar"
        run(
            [
                "mmdebstrap",
                # Nothing of the packages is run, so that any user may do it on any kernel.
                "--mode=chrootless",
                "--variant=extract",
                "--format=tar",
                f"--include={','.join(recipe.packages)}",
                f"--extract-hook={(root / RECIPE / 'record-packages.sh').read_text(encoding='utf-8')}",
                recipe.suite,
                str(packages_tar),
                *([mirror] if mirror else []),
            ],
            timeout=BOOTSTRAP_TIMEOUT,
        )
        runtime = _link_runtime(jdk, recipe, scratch / "java", run) if jdk else None
        complete = scratch / TAR
        assemble(recipe, packages_tar, runtime, complete)
        return complete.replace(workdir.resolve() / TAR)


def _link_runtime(jdk: Jdk, recipe: Recipe, runtime: Path, run: Run) -> Path:
    run(
        [
            str(jdk.home / "bin" / "jlink"),
            f"--add-modules={','.join(recipe.modules)}",
            # The libraries of a distribution's JDK are stripped already, and
            # stripping them again needs a tool that a bare machine lacks. Since
            # 13 (JDK-8214796) --strip-debug does so; before, it left them alone.
            "--strip-java-debug-attributes" if jdk.version >= (13,) else "--strip-debug",
            "--compress=zip-6" if jdk.version >= (21,) else "--compress=2",
            "--no-header-files",
            "--no-man-pages",
            f"--output={runtime}",
        ],
        timeout=JLINK_TIMEOUT,
    )
    return runtime


@dataclass(frozen=True, slots=True)
class _Entry:
    """A member of the tar to be made: its header, and its content where it is a file."""

    header: tarfile.TarInfo
    content: bytes = b""


def _directory(path: str, mode: int = 0o755) -> _Entry:
    header = tarfile.TarInfo(path)
    header.type, header.mode = tarfile.DIRTYPE, mode
    return _Entry(header)


def _file(path: str, content: bytes, mode: int = 0o644) -> _Entry:
    header = tarfile.TarInfo(path)
    header.mode, header.size = mode, len(content)
    return _Entry(header, content)


def _link(path: str, target: str) -> _Entry:
    header = tarfile.TarInfo(path)
    header.type, header.mode, header.linkname = tarfile.SYMTYPE, 0o777, target
    return _Entry(header)


def _from_packages(tar: Path, drop: Iterable[str]) -> Iterator[_Entry]:
    """Yield what mmdebstrap unpacked, without what matches a pattern of ``drop``."""
    patterns = [re.compile(fnmatch.translate(pattern)) for pattern in drop]
    with tarfile.open(tar) as members:
        for member in members:
            path = member.name.removeprefix("./").strip("/")
            if path in {"", "."} or any(pattern.match(path) for pattern in patterns):
                continue
            member.name = path
            if member.isfile():
                content = members.extractfile(member)
                assert content is not None  # it is a file
                yield _Entry(member, content.read())
            elif member.isdir() or member.issym():
                yield _Entry(member)
            else:
                raise HostonlyError(
                    f"{path} in the packages is neither a file, a directory nor a symbolic link.",
                    remedy=f"Name it under `drop` in {RECIPE / 'base.toml'}.",
                )


def _from_directory(top: Path, prefix: str) -> Iterator[_Entry]:
    """Yield the tree of a directory as ``prefix``, with modes that do not depend on our umask."""
    yield _directory(prefix)
    for path in top.rglob("*"):
        name = f"{prefix}/{path.relative_to(top).as_posix()}"
        if path.is_symlink():
            yield _link(name, str(path.readlink()))
        elif path.is_dir():
            yield _directory(name)
        else:
            executable = path.stat().st_mode & 0o100
            yield _file(name, path.read_bytes(), 0o755 if executable else 0o644)


def assemble(recipe: Recipe, packages_tar: Path, runtime: Path | None, target: Path) -> None:
    """Write the base to ``target``: packages, Java runtime if any, links, files, directories.

    Entries are sorted, owned by root by number, and carry the recipe's time.

    Raises:
        HostonlyError: the runtime needs a newer C library than the packages'.
    """
    entries: dict[str, _Entry] = {}

    def add(new: Iterable[_Entry]) -> None:
        for entry in new:
            entries[entry.header.name] = entry

    add(_from_packages(packages_tar, recipe.drop))
    if runtime is not None:
        add(_from_directory(runtime, OPT_JAVA.strip("/")))
        add([_link("usr/bin/java", f"{OPT_JAVA}/bin/java")])
    add(_link(path.strip("/"), "/bin/busybox") for path in recipe.applets)
    add(_link(path.strip("/"), target) for path, target in recipe.links.items())
    add(_file(path.strip("/"), text.encode()) for path, text in recipe.files.items())
    add(_directory(path.strip("/"), mode) for path, mode in recipe.directories.items())
    for path in list(entries):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                entries.setdefault(str(parent), _directory(str(parent)))
    _check_c_library(entries)

    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for _path, entry in sorted(entries.items()):
            header = entry.header
            header.uid = header.gid = 0
            header.uname = header.gname = ""
            header.mtime = recipe.time
            header.pax_headers = {}
            tar.addfile(header, io.BytesIO(entry.content))


def _newest_glibc(content: bytes) -> tuple[int, ...]:
    versions = re.findall(rb"GLIBC_(\d+(?:\.\d+)+)", content)
    return max((tuple(int(part) for part in v.split(b".")) for v in versions), default=())


def _check_c_library(entries: Mapping[str, _Entry]) -> None:
    """Refuse a JDK made for a newer distribution, which would fail at the first start."""
    given = max(
        (_newest_glibc(e.content) for p, e in entries.items() if p.endswith("/libc.so.6")),
        default=(),
    )
    for path, entry in entries.items():
        if path.startswith(OPT_JAVA.strip("/")) and (path.endswith(".so") or "/bin/" in path):
            needed = _newest_glibc(entry.content)
            if needed > given:
                raise HostonlyError(
                    f"/{path} needs version {'.'.join(map(str, needed))} of the C library, "
                    f"the base has {'.'.join(map(str, given)) or 'none'}.",
                    remedy="Set JAVA_HOME to a JDK of the suite named in "
                    f"{RECIPE / 'base.toml'}, or change the suite there.",
                )


def packages(tar: Path) -> dict[str, str]:
    """Return the packages in a base's tar, name to version, as their control data has them.

    Raises:
        OSError, tarfile.TarError: ``tar`` is no readable tar.
    """
    found: dict[str, str] = {}
    with tarfile.open(tar) as members:
        for member in members:
            if member.isfile() and member.name.startswith("var/lib/dpkg/status.d/"):
                content = members.extractfile(member)
                assert content is not None  # it is a file
                version = re.search(r"^Version: (\S+)", content.read().decode(), re.MULTILINE)
                found[PurePosixPath(member.name).name] = version[1] if version else ""
    return found
