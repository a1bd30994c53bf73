"""What `hostonly.host.journal` runs as root, done by ourselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hostonly.host import atomic, journal


def ran_by(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``run`` called for each command that a journal needs."""
    for module in (journal, atomic):
        monkeypatch.setattr(module, "run", run)


def run(argv: Sequence[str]) -> None:
    """Do what the command ``argv`` would, where it is one of a journal's."""
    match argv:
        case ["mkdir", *_, folder]:
            Path(folder).mkdir(exist_ok=True)
        case ["sh", "-ec", _, "write", file, text]:
            Path(file).write_text(text)
        case ["rm", "-f", *files]:
            for file in files:
                Path(file).unlink()
