"""The stamp in ``.venv/.complete``: the files, the place and the python that made ``.venv``."""

from __future__ import annotations

from pathlib import Path

STAMPED = ("requirements.lock", "pyproject.toml")


def stamp(root: Path) -> dict[str, bytes]:
    """Return the files of ``.venv/.complete`` when it is up to date; the wrapper compares them."""
    python = root / ".venv" / "bin" / "python"
    return {
        "made": f"{root}\n{python.resolve()}\n".encode(),
        **{name: (root / name).read_bytes() for name in STAMPED},
    }


def differing(root: Path) -> list[str]:
    """Return the parts of the stamp that are absent or old; all when ``.venv`` is unusable."""
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
