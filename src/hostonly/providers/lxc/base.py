"""The base: one Debian system, built from packages and unpacked once, that all sandboxes share.

It lies under /var/lib/hostonly/bases in a folder named by the digest of its inputs, already in the
sandboxes' id range. Each sandbox has a thin overlay layer of its own on top (lxc-template), so the
base is never written again: another recipe gets another folder, and so does a base that is built
anew while sandboxes lie on the present one.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.events import Done, Emit, Progress, Started, Unchanged, Warned
from hostonly.host.command import run
from hostonly.providers.lxc import idmap
from hostonly.site import STORE

SUITE = "bookworm"
MEMINFO = Path("/proc/meminfo")

# Raised when the way of building changes while the recipe's files do not.
METHOD = "2"

# dpkg waits for the disk several times after each of its some 170 packages. A build that is cut off
# is thrown away: in memory it need not wait. It takes 0.8 GB there; else it is built on the disk.
MEMORY_MIB = 3072
_TMPFS = "size=2g,mode=0755"

# A base on which no sandbox was made for so long is removed when another one is built.
UNUSED_SECONDS = 7 * 24 * 3600.0
_NAME = re.compile(r"(?P<digest>[0-9a-f]{16})(?:-(?P<generation>[0-9]+))?(?P<half>\.partial)?")

# A base that is merged from the start needs no usrmerge, which brings all of Perl.
_MERGED_USR = Path("/usr/share/mmdebstrap/hooks/merged-usr")
_PREFERENCES = "etc/apt/preferences.d/hostonly"

# Man pages and translations are a fifth of the base and of the time to unpack it.
_DPKG_OPTIONS = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/info/*",
)


@dataclass(frozen=True, slots=True)
class Base:
    """A base by its digest (hexadecimal), whether it is built yet or not.

    ``generation`` counts how often it was built anew beside one that was in use.
    """

    digest: str
    generation: int = 0

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.digest}-{self.generation}" if self.generation else self.digest

    @property
    def folder(self) -> Path:
        """The folder of the base, whether it exists or not."""
        return STORE / "bases" / self.name

    @property
    def rootfs(self) -> Path:
        """The root file system, owned by the sandboxes' id range."""
        return self.folder / "rootfs"

    @property
    def complete(self) -> bool:
        """Whether the base was built to its end."""
        return (self.folder / "complete").exists()


def intact(folder: Path) -> bool:
    """Return whether the base in ``folder`` still has the files that it was built with.

    Their names, kinds, modes, owners, sizes and times are compared, which takes a twentieth of a
    second; their contents are not read. A base is not intact without a record, or with an empty
    one.

    Raises:
        ToolFailed: they could not be listed.
    """
    if not (folder / "complete").exists() or not (folder / "rootfs").exists():
        return False
    recorded = (folder / "complete").read_text(encoding="utf-8").strip()
    return bool(recorded) and recorded == _listed(folder / "rootfs")


def _listed(rootfs: Path) -> str:
    """Return the digest of a listing of all files below ``rootfs``."""
    line = (
        'set -eo pipefail; cd "$1"; '
        "find . -printf '%p %y %m %U %G %s %T@ %l\\0' | LC_ALL=C sort -z | sha256sum"
    )
    return run(["bash", "-c", line, "list", str(rootfs)], root=True, timeout=120).split()[0]


def recipe(root: Path) -> Path:
    """Return the folder of the guest recipe in the checkout at ``root``."""
    return root / "packer" / "guest"


def packages(root: Path) -> list[str]:
    """Return the Debian packages of the recipe."""
    lines = (recipe(root) / "packages").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def current(root: Path) -> Base:
    """Return the base that the recipe in the checkout at ``root`` asks for."""
    digest = hashlib.sha256(f"{METHOD} {SUITE} {idmap.START}".encode())
    for name in ("packages", "configure"):
        digest.update((recipe(root) / name).read_bytes())
    name = digest.hexdigest()[:16]
    built = [
        Base(name, int(number or 0))
        for folder in (STORE / "bases").glob(f"{name}*/complete")
        for start, _, number in [folder.parent.name.partition("-")]
        if start == name and (number or "0").isdecimal()
    ]
    return max(built, key=lambda base: base.generation, default=Base(name))


def ensure(
    root: Path, emit: Emit, *, rebuild: bool = False, in_use: Callable[[Base], bool]
) -> Base:
    """Return the current base; build it if it is missing or not whole any more.

    A base that is ``in_use`` stays as it is, and the new one is built beside it.

    Raises:
        ToolFailed: mmdebstrap or the unpacking failed (mirror away, disk full); nothing half-made
            is left.
    """
    base = current(root)
    if base.complete and not rebuild:
        if intact(base.folder):
            emit(Unchanged(f"the base {base.digest} is built"))
            return base
        emit(Warned(f"files of the base {base.name} were changed or are gone: building it again"))
    if base.folder.exists() and in_use(base):
        base = Base(base.digest, base.generation + 1)
    emit(Started(f"building the sandbox's base from {len(packages(root))} Debian packages"))
    partial = base.folder.with_name(base.name + ".partial")
    if partial.exists():
        emit(Warned(f"a build of the base {base.name} was cut off: what it left is removed"))
        discard(partial)
    run(["mkdir", "-p", "-m", "0755", str(STORE), str(partial.parent), str(partial)], root=True)
    rootfs, scratch = partial / "rootfs", partial / "scratch"
    run(["mkdir", str(rootfs), str(scratch)], root=True)
    owner = f"{idmap.START}:{idmap.START}"
    run(["chown", owner, str(rootfs)], root=True)
    try:
        run(
            [
                "env",
                f"TMPDIR={scratch}",
                # Mounts and processes in there end with their first process, the shell.
                *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
                "bash",
                "-c",
                _pipeline(),
                "build",
                str(rootfs),
                *_mmdebstrap(root),
            ],
            root=True,
            timeout=1800,
            on_line=lambda line: _progress(line, emit),
        )
        run(["rm", "-rf", "--one-file-system", str(scratch)], root=True)
        run(["tee", str(partial / "complete")], root=True, stdin=_listed(rootfs) + "\n")
        # On the disk before it has its name: a power cut leaves no base whose files are empty.
        run(["sync", "-f", str(partial)], root=True, timeout=600)
        discard(base.folder)
        run(["mv", "-T", str(partial), str(base.folder)], root=True)
    except ToolFailed as error:
        discard(partial)
        raise ToolFailed(
            "the sandbox's base could not be built" + (f": {error.what}" if error.remedy else ""),
            ran=error.ran,
            output=error.output,
            remedy=error.remedy
            or "Is the Debian mirror reachable, and is there 1.5 GB of room under /var/lib? "
            "Then again: ./inv sandbox.box",
        ) from error
    except KeyboardInterrupt:
        discard(partial)
        raise
    emit(Done(f"built the base {base.digest}"))
    _discard_unused(base, emit, in_use)
    return base


def _discard_unused(built: Base, emit: Emit, in_use: Callable[[Base], bool]) -> None:
    """Remove unfinished bases, and bases that no sandbox lies on and none was made on for a while.

    The caller holds the store's lock, so that nobody builds a base meanwhile.
    """
    before = time.time() - UNUSED_SECONDS
    for folder in sorted(built.folder.parent.iterdir()):
        found = _NAME.fullmatch(folder.name)
        if not found or folder == built.folder:
            continue
        old = Base(found["digest"], int(found["generation"] or 0))
        if not found["half"] and (folder.stat().st_mtime > before or in_use(old)):
            continue
        try:
            discard(folder)
        except ToolFailed as error:
            # The new one is there all the same.
            emit(Warned(f"the old base {folder.name} could not be removed: {error.what}"))
        else:
            emit(Done(f"removed the base {folder.name}, which nobody used any more"))


def used(folder: Path) -> None:
    """Note that a sandbox is made on the base in ``folder`` now.

    Raises:
        ToolFailed: its folder could not be written.
    """
    run(["touch", str(folder)], root=True, timeout=10)


def discard(folder: Path) -> None:
    """Remove a folder of the store; nothing outside the store is ever removed."""
    if not folder.is_relative_to(STORE) or folder == STORE:
        raise ValueError(f"{folder} is not inside {STORE}")
    if folder.exists():
        run(["rm", "-rf", "--one-file-system", str(folder)], root=True)


def purge(used: frozenset[str], emit: Emit) -> None:
    """Remove all bases but those whose names are ``used``."""
    folder = STORE / "bases"
    for each in sorted(folder.iterdir()) if folder.exists() else []:
        digest = each.name.removesuffix(".partial")
        if digest == each.name and digest in used:
            emit(Unchanged(f"the base {digest} is in use"))
        else:
            discard(each)
            emit(Done(f"removed the base {each.name}"))
    if folder.exists():
        run(["rmdir", "--ignore-fail-on-non-empty", str(folder)], root=True, timeout=10)


def _pipeline() -> str:
    """Return the shell script of a build; $1 is the root file system, the rest is mmdebstrap's.

    The archive is unpacked inside the id map, so that owners, suid bits and file capabilities are
    those that the sandbox will see. Device nodes cannot be made there, and LXC brings its own.
    """
    ids = f"{idmap.START}:{idmap.COUNT}"
    # Without memory the unpacking only takes longer: our words follow mount's own.
    on_disk = "I: no file system in memory could be mounted: unpacking on the disk"
    in_memory = f'mount -t tmpfs -o {_TMPFS} hostonly "$TMPDIR" || echo "{on_disk}" >&2; '
    return (
        "set -eo pipefail; rootfs=$1; shift; "
        # mmdebstrap delays a signal while dpkg runs: the shell waits, hears it, and all ends.
        "trap 'exit 130' INT TERM HUP; "
        f"{in_memory if _memory_mib() >= MEMORY_MIB else ''}"
        f'("$@" | lxc-usernsexec -m u:0:{ids} -m g:0:{ids} -- '
        "tar -C \"$rootfs\" --xattrs --xattrs-include='*' --exclude='./dev/*' -xpf -) & wait $!"
    )


def _memory_mib() -> int:
    """Return the memory that programs could have now, in MiB (MemAvailable, see proc(5))."""
    found = re.search(
        r"^MemAvailable:\s+(\d+) kB$", MEMINFO.read_text(encoding="utf-8"), re.MULTILINE
    )
    return int(found[1]) // 1024 if found else 0


def _mmdebstrap(root: Path) -> list[str]:
    configure = recipe(root) / "configure"
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        "--format=tar",
        '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt={option}" for option in _DPKG_OPTIONS),
        f"--hook-dir={_MERGED_USR}",
        '--setup-hook=mkdir -p "$1/etc/apt/preferences.d"; '
        f"printf 'Package: usrmerge\\nPin: version *\\nPin-Priority: -1\\n' >\"$1/{_PREFERENCES}\"",
        f"--include={','.join(packages(root))}",
        # The hook gets the path by the environment: it may hold spaces.
        f"--customize-hook=upload {_hook_quoted(configure)} /run/configure",
        '--customize-hook=chroot "$1" env HOSTONLY_CONTAINER=1 sh /run/configure',
        f'--customize-hook=rm "$1/run/configure" "$1/{_PREFERENCES}"',
        SUITE,
        "-",
    ]


def _hook_quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"


def _progress(line: str, emit: Emit) -> None:
    # Hooks are ours, and shown with all their quotes.
    if line.startswith("I: ") and "hook" not in line:
        emit(Progress(line[3:].rstrip(".")))
