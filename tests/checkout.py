"""Copies of this checkout for tests: what one to which something is added prints, and how it differs; and what
makes a sandbox of theirs nobody else's, its name and networks."""

from __future__ import annotations

import difflib
import hashlib
import shutil
import subprocess
import sys
from ipaddress import IPv4Network
from pathlib import Path

from hostonly.host import bridges

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "hostonly"
# Neither the environment, nor what the user's own sandbox is known by.
NOT_COPIED = (".git", ".venv", ".hostonly", ".vagrant", "target", "__pycache__", ".*_cache")


def copied(to: Path) -> Path:
    """Copy the files of this checkout, as they are now, to the folder ``to``, which may be there; ``to``."""
    ignore = shutil.ignore_patterns(*NOT_COPIED)
    shutil.copytree(ROOT, to, symlinks=True, ignore=ignore, dirs_exist_ok=True)
    return to


def inv(copy: Path, *arguments: str, code: int = 0, **variables: str) -> str:
    """Run the copy's program, which leaves with ``code``; what it printed, or said where that is not 0."""
    done = subprocess.run(
        [sys.executable, "-m", "hostonly", *arguments],
        cwd=copy,
        env={
            "PYTHONPATH": str(copy / "src"),
            "PATH": "/usr/bin:/bin",
            "HOME": str(copy),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def changes(copy: Path) -> tuple[list[str], list[str]]:
    """The files that only the copy has, and the lines that differ in the others."""
    new: list[str] = []
    lines: list[str] = []
    package = copy / "src" / "hostonly"
    for file in sorted(package.rglob("*.*")):
        name = file.relative_to(package)
        if "__pycache__" in name.parts or not file.is_file():
            continue
        if not (PACKAGE / name).exists():
            new.append(str(name))
            continue
        old, now = ((base / name).read_text().splitlines(True) for base in (PACKAGE, package))
        differ = difflib.ndiff(old, now) if old != now else ()
        lines += [f"{name}: {line}" for line in differ if line.startswith(("+ ", "- "))]
    return new, lines


def refreshed(copy: Path, kept: tuple[str, ...]) -> None:
    """Make the files of ``copy`` those of this checkout again; what is called one of ``kept`` stays."""
    copy.mkdir(parents=True, exist_ok=True)
    for old in copy.iterdir():
        if old.name in kept:
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    copied(copy)


def variables(copy: Path) -> dict[str, str]:
    """The settings of the sandboxes of ``copy``, the same at each run unless somebody took its addresses.

    Copies in one folder whose names begin with other letters have other networks.
    """
    mark = _digest(copy)
    start = int(_digest(copy.parent), 16) + ord(copy.name[0])
    # 172.17.0.0/16 is the sandbox's own docker0; 172.16.0.0/24 is where users' sandboxes are.
    host_only = _free(IPv4Network("172.20.0.0/14"), start)
    nat = _free(IPv4Network("10.204.0.0/16"), start)
    return {
        "INVOKE_SANDBOX_NAME": f"hostonly-test-{mark}",
        "INVOKE_NETWORK_BRIDGE": f"hotest{mark}",
        "INVOKE_NETWORK_NAT_BRIDGE": f"honat{mark}",
        "INVOKE_NETWORK_HOST": f"{host_only[1]}/24",
        "INVOKE_NETWORK_SANDBOX": str(host_only[2]),
        "INVOKE_NETWORK_SANDBOX2": str(host_only[3]),
        "INVOKE_NETWORK_NAT": f"{nat[1]}/24",
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:6]


def _free(block: IPv4Network, start: int) -> IPv4Network:
    """A /24 of ``block`` that nobody on this machine uses: the one with number ``start``, or the next."""
    used, all_ = bridges._used(), list(block.subnets(new_prefix=24))
    for offset in range(len(all_)):
        candidate = all_[(start + offset) % len(all_)]
        if not any(candidate.overlaps(other) for other in used):
            return candidate
    raise AssertionError(f"no /24 of {block} is free")
