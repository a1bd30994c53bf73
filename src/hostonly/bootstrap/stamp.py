"""The stamp in `.venv/.complete`: from which files, where and by which python `.venv` was made."""

from __future__ import annotations

from pathlib import Path

STAMPED = ("requirements.lock", "pyproject.toml")


def stamp(root: Path) -> dict[str, bytes]:
    """What `.venv/.complete` holds when `.venv` is up to date; the wrapper compares the same."""
    python = root / ".venv" / "bin" / "python"
    return {
        "made": f"{root}\n{python.resolve()}\n".encode(),
        **{name: (root / name).read_bytes() for name in STAMPED},
    }


def differing(root: Path) -> list[str]:
    """The parts of the stamp that are absent or out of date; all of them when `.venv` is unusable."""
    venv = root / ".venv"
    wanted = stamp(root)
    if venv.is_symlink() or not (venv / "bin" / "python").exists():
        return list(wanted)
    wrong = []
    for name, content in wanted.items():
        try:
            if (venv / ".complete" / name).read_bytes() != content:
                wrong.append(name)
        except OSError:
            wrong.append(name)
    if not (venv / "bin" / "inv").is_file() and "pyproject.toml" not in wrong:
        wrong.append("pyproject.toml")
    return wrong
