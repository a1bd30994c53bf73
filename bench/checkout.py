"""A checkout of the bench's own, so that the user's sandbox is neither used nor changed.

It is a copy of the present files, with a sandbox name, bridges and addresses of its own in its
``invoke.yaml``. Its ``.venv`` is a few files that lead to the packages of the one that we run in.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path

from hostonly import settings
from hostonly.bootstrap.stamp import stamp
from hostonly.errors import HostonlyError
from hostonly.events import Emit, Warned, ignore
from hostonly.host import packages
from hostonly.host.command import run, unsetting
from hostonly.sandbox.machine import Machine
from hostonly.site import Site

NOT_COPIED = (
    *(".git", ".venv", ".hostonly", ".vagrant", "__pycache__", ".*_cache"),
    # The bench writes its own: the copy must never, even for a moment, name the user's sandbox.
    "invoke.yaml",
)

# Vagrant's boxes of a bench, below its folder.
VAGRANT_HOME = "vagrant.d"

SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout at ``root`` with ``site`` of its own, and Vagrant's boxes in ``vagrant_home``."""

    root: Path
    site: Site
    vagrant_home: Path

    def run(self, *words: str, timeout: float = SECONDS) -> str:
        """Run a command line in the checkout, and return its output.

        Raises:
            ToolFailed: it failed or took too long.
        """
        return _run(self.root, self.vagrant_home, words, timeout)

    def inv(self, *words: str, timeout: float = SECONDS) -> str:
        """Run ``./inv`` with ``words`` in the checkout, and return its output."""
        return self.run("./inv", *words, timeout=timeout)

    def seconds(self, *words: str) -> float:
        """Return the seconds that ``./inv`` with ``words`` takes."""
        start = time.perf_counter()
        self.inv(*words)
        return time.perf_counter() - start

    def machine(self) -> Machine:
        """Return the checkout's sandbox."""
        return self.machines()[0]

    def machines(self) -> list[Machine]:
        """Return all machines of the checkout, the sandbox first."""
        return [Machine(self.site, ignore, name) for name in self.site.names]


@contextlib.contextmanager
def checkout(
    user: Site,
    folder: Path,
    name: str,
    networks: tuple[IPv4Network, IPv4Network],
    vagrant_home: Path,
    emit: Emit,
    machines: int = 2,
) -> Iterator[Checkout]:
    """Copy the ``user``'s checkout to ``folder``; its ``machines`` are destroyed at the end.

    ``name`` is the sandbox's and, with two characters before it, that of the bridges (at most 13
    characters); ``networks`` are the host-only one and that for NAT.
    """
    try:
        yield _made(user, folder, name, networks, vagrant_home, machines)
    finally:
        try:
            remove(folder, vagrant_home, user.root)
        except HostonlyError as error:
            # The folder stays: without it nobody could destroy the sandbox any more.
            emit(Warned(f"what the bench made at {folder} could not be destroyed: {error}"))


def remove(folder: Path, vagrant_home: Path, user: Path) -> None:
    """Destroy the sandbox of the bench's checkout in ``folder``, and remove the folder.

    Raises:
        ToolFailed: the sandbox could not be destroyed; the folder is left.
    """
    # Its settings are written last: without them there is no sandbox yet.
    if (folder / "invoke.yaml").exists():
        _run(folder, vagrant_home, ("./inv", "sandbox.destroy"), SECONDS)
    # Packages that were installed for the bench stay, and the user will be told so.
    if packages.note(folder).exists():
        with packages.note(user).open("a", encoding="utf-8") as note:
            note.write(packages.note(folder).read_text(encoding="utf-8"))
    discard(folder)


def discard(folder: Path) -> None:
    """Remove a ``folder`` of the bench's, also root's files in it, but nothing mounted there.

    Raises:
        ToolFailed: something of it is still there.
    """
    run(["rm", "-rf", "--one-file-system", str(folder)], root=True, timeout=300)


def _run(folder: Path, vagrant_home: Path, words: Sequence[str], timeout: float) -> str:
    # The user's word on installing packages counts here too. The user's own .venv was compiled when
    # it was made, whatever Python may write since (bootstrap/venv.py): the copy is, by its first
    # call.
    theirs = ("INVOKE_", "VAGRANT_", "HOSTONLY_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    clean = unsetting(*theirs, kept=("HOSTONLY_INSTALL",))
    ours = (f"VAGRANT_HOME={vagrant_home}", "NO_COLOR=1")
    return run([*clean, *ours, *words], cwd=folder, timeout=timeout)


def _made(
    user: Site,
    folder: Path,
    name: str,
    networks: tuple[IPv4Network, IPv4Network],
    vagrant_home: Path,
    machines: int,
) -> Checkout:
    ignored = shutil.ignore_patterns(*NOT_COPIED)
    shutil.copytree(user.root, folder, symlinks=True, ignore=ignored)
    # The user's base of the image serves ours as well: the same recipe, the same JAR.
    if (user.state / "image" / "base").exists():
        kept = folder / ".hostonly" / "image" / "base"
        shutil.copytree(user.state / "image" / "base", kept, dirs_exist_ok=True)
    _venv(folder)
    host_only, nat = networks
    first = user.sandbox
    values = {
        "sandbox": {
            "name": name,
            "provider": "lxc",
            "engine": first.engine,
            "memory": first.memory,
            "cpus": first.cpus,
        },
        "network": {
            "bridge": f"h-{name}",
            "nat_bridge": f"n-{name}",
            "host": f"{host_only[1]}/{host_only.prefixlen}",
            "nat": f"{nat[1]}/{nat.prefixlen}",
            "sandbox": str(host_only[2]),
            "sandbox2": str(host_only[3]),
        },
        "machines": {
            f"m{number}": {"address": str(host_only[1 + number])}
            for number in range(3, machines + 1)
        },
        "registry": {"port": user.registry_port},
        "hello": {"port": user.hello_port},
        "image": asdict(user.image),
        "waiting": {"patience": user.patience},
    }
    # JSON is YAML as well.
    (folder / "invoke.yaml").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    settled = settings.settle(settings.read(folder / "invoke.yaml", folder))
    return Checkout(folder, settled, vagrant_home)


def _venv(folder: Path) -> None:
    """Make a ``.venv`` of ``folder``'s own code and of the packages of this process."""
    venv, original = folder / ".venv", Path(sys.prefix)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(venv)}))
    site.mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    shutil.copy(original / "pyvenv.cfg", venv)
    shutil.copy(original / "bin" / "inv", venv / "bin")
    paths = [str(folder / "src"), sysconfig.get_path("purelib")]
    # From there, so that no name of a folder stands in it (bootstrap/venv.py says why).
    relative = [os.path.relpath(path, site) for path in paths]
    (site / "bench.pth").write_text("".join(f"{path}\n" for path in relative), encoding="utf-8")
    (venv / ".complete").mkdir()
    for name, content in stamp(folder).items():
        (venv / ".complete" / name).write_bytes(content)
