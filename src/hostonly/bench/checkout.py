"""A checkout of the bench's own, so that the user's sandbox is neither used nor changed.

It is a copy of the files as they are now, with a sandbox name, bridges and addresses of its own in
its `invoke.yaml`. Its `.venv` is a few files that lead to the packages of the one that we run in.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from hostonly import settings as settings_module
from hostonly.bootstrap.stamp import stamp
from hostonly.errors import HostonlyError
from hostonly.events import Emit, Warned, ignore
from hostonly.host.command import run, unsetting
from hostonly.sandbox.machine import Machine
from hostonly.settings import Settings

NOT_COPIED = (".git", ".venv", ".hostonly", ".vagrant", "__pycache__", ".*_cache")

SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout at ``root`` with ``settings`` of its own; ``environment`` is what its commands get."""

    root: Path
    settings: Settings
    environment: dict[str, str]

    def run(self, *words: str, timeout: float = SECONDS) -> str:
        """Run a command line in the checkout, and give what it printed.

        Raises:
            ToolFailed: it failed or took too long.
        """
        theirs = ("INVOKE_", "VAGRANT_", "HOSTONLY_", "PYTHONPATH")
        ours = [f"{name}={value}" for name, value in self.environment.items()]
        # Whether packages may be installed is the user's word here too.
        clean = unsetting(*theirs, kept=("HOSTONLY_INSTALL",))
        return run([*clean, *ours, *words], cwd=self.root, timeout=timeout)

    def inv(self, *words: str, timeout: float = SECONDS) -> str:
        """Run ``./inv`` with ``words`` in the checkout, and give what it printed."""
        return self.run("./inv", *words, timeout=timeout)

    def seconds(self, *words: str) -> float:
        """How long ``./inv`` with ``words`` takes."""
        start = time.perf_counter()
        self.inv(*words)
        return time.perf_counter() - start

    def machine(self) -> Machine:
        """Its sandbox."""
        return Machine(self.settings, ignore)


@contextlib.contextmanager
def checkout(
    user: Settings,
    folder: Path,
    name: str,
    networks: tuple[IPv4Network, IPv4Network],
    vagrant_home: Path,
    emit: Emit,
) -> Iterator[Checkout]:
    """A copy of the ``user``'s checkout in ``folder``; its sandbox is destroyed at the end.

    ``name`` is the sandbox's and, with two letters before it, that of the bridges (at most 13
    characters); ``networks`` are the host-only one and that for NAT.
    """
    shutil.copytree(user.root, folder, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
    host_only, nat = networks
    values = json.loads(user.to_json())
    values["sandbox"] |= {"name": name, "provider": "lxc"}
    values["network"] |= {
        "bridge": f"h-{name}",
        "nat_bridge": f"n-{name}",
        "host": f"{host_only[1]}/{host_only.prefixlen}",
        "nat": f"{nat[1]}/{nat.prefixlen}",
        "sandbox": str(host_only[2]),
        "sandbox2": str(host_only[3]),
    }
    # JSON is YAML as well.
    (folder / "invoke.yaml").write_text(json.dumps(values, indent=2) + "\n")
    _venv(user.root / ".venv", folder)
    checked = settings_module.read(folder / "invoke.yaml", folder)
    made = Checkout(folder, checked, {"VAGRANT_HOME": str(vagrant_home), "NO_COLOR": "1"})
    # What was made for the user's settings here is as good for ours: the same recipe, the same JAR.
    if (user.state / "image" / "base").exists():
        kept = folder / ".hostonly" / "image" / "base"
        shutil.copytree(user.state / "image" / "base", kept, dirs_exist_ok=True)
    try:
        yield made
    finally:
        try:
            made.inv("sandbox.destroy")
        except HostonlyError as error:
            # Its folder says where: without it nobody could destroy the sandbox any more.
            emit(Warned(f"what the bench made at {folder} could not be destroyed: {error}"))
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _venv(original: Path, folder: Path) -> None:
    venv = folder / ".venv"
    library = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = venv / "lib" / library / "site-packages"
    packages.mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    shutil.copy(original / "pyvenv.cfg", venv)
    shutil.copy(original / "bin" / "inv", venv / "bin")
    paths = [folder / "src", original / "lib" / library / "site-packages"]
    (packages / "bench.pth").write_text("".join(f"{path}\n" for path in paths))
    (venv / ".complete").mkdir()
    for name, content in stamp(folder).items():
        (venv / ".complete" / name).write_bytes(content)
