"""The machine and the versions of a bench: a ratio depends on them less than a second does."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import hostonly
from hostonly.errors import HostonlyError, ToolFailed
from hostonly.host.command import run
from hostonly.image import runtime
from hostonly.providers.lxc import base

# The packages of both sides.
PACKAGES = (
    *("vagrant", "vagrant-lxc", "lxc", "packer", "docker.io", "mmdebstrap", "openssh-client"),
)


def machine(root: Path) -> dict[str, str]:
    """Return the machine, in words, and its load now; for the checkout at ``root``."""
    system = os.uname()
    return {
        "processor": _field(Path("/proc/cpuinfo"), "model name"),
        "processors": str(os.cpu_count()),
        "memory": _field(Path("/proc/meminfo"), "MemTotal"),
        "kernel": f"{system.sysname} {system.release} {system.machine}",
        "system": _field(Path("/etc/os-release"), "PRETTY_NAME", "=").strip('"'),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "user": "root" if os.geteuid() == 0 else "not root, by sudo",
        "hostonly": f"{hostonly.__version__}, commit {_commit(root)}",
        "python": platform.python_version(),
    }


def versions(root: Path) -> dict[str, str]:
    """Return the versions of both sides' tools; asked last, since the bench installs some."""
    inside = base.current(root).rootfs / "var" / "lib" / "dpkg"
    return {
        "java": _java(),
        **_packages(PACKAGES),
        **{
            f"{name} in the sandbox": version
            for name, version in _packages(("docker.io",), f"--admindir={inside}").items()
        },
    }


def _field(file: Path, name: str, sign: str = ":") -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(sign)
        if key.strip() == name:
            return " ".join(value.split())
    return "unknown"


def _commit(root: Path) -> str:
    try:
        argv = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
        # A look must not write the index, which another git may be writing just now.
        return run(argv, env={"GIT_OPTIONAL_LOCKS": "0"}, timeout=20).strip()
    except ToolFailed:
        return "unknown"


def _java() -> str:
    try:
        return ".".join(map(str, runtime.find_jdk().version))
    except HostonlyError:
        return "none"


def _packages(names: tuple[str, ...], *options: str) -> dict[str, str]:
    """Return name and version of those of the Debian packages ``names`` that are installed."""
    argv = ["dpkg-query", *options, "-W", "-f", "${Package} ${Version}\n", *names]
    try:
        said = run(argv, timeout=20)
    except ToolFailed as error:
        # A package that is not installed: the others are listed all the same.
        said = error.output
    pairs = (line.split(" ") for line in said.splitlines())
    return {
        words[0]: words[1] for words in pairs if len(words) == 2 and words[0] in names and words[1]
    }
