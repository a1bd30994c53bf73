"""A copy of the program, to which something is added."""

from __future__ import annotations

import difflib
import shutil
import subprocess
import sys
from pathlib import Path

from hostonly.site import ROOT

PACKAGE = ROOT / "src" / "hostonly"


def copied(folder: Path) -> Path:
    """A copy of the program in ``folder``, with its root's files."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "src" / "hostonly", ignore=ignore)
    shutil.copytree(ROOT / "packer" / "guest", folder / "packer" / "guest")
    for name in ("tasks.py", "invoke.yaml", "Vagrantfile"):
        shutil.copy(ROOT / name, folder / name)
    return folder


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
