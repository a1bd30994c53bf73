"""What `hostonly.host.journal` runs as root, done by ourselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def run(argv: Sequence[str], stdin: str | None) -> None:
    """Do what the command ``argv`` would, where it is one of a journal's."""
    match argv:
        case ["mkdir", *_, folder]:
            Path(folder).mkdir(exist_ok=True)
        case ["tee", file]:
            Path(file).write_text(stdin or "")
        case ["mv", "-f", file, to]:
            Path(file).replace(to)
        case ["rm", "-f", *files]:
            for file in files:
                Path(file).unlink()
