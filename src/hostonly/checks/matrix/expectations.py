"""The expectations of check.matrix, read from ``expectations.toml`` for the engine's version."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostonly.facts.reach import Outcome

FILE = Path(__file__).with_name("expectations.toml")


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason why a cell is as it is: half a line (``text``), and its ``source``."""

    name: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Expected:
    """The ``outcome`` that a connection from ``vantage`` to ``target`` of ``mode`` must have."""

    mode: str
    target: str
    vantage: str
    outcome: Outcome
    reason: Reason


def expected_of(release: tuple[int, int, int], file: Path = FILE) -> tuple[Expected, ...]:
    """Return every cell for an engine of this ``release``, in the file's order.

    Raises:
        ValueError: the file is not as its own head describes it, or knows nothing of so old an
            engine.
    """
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    reasons = {
        name: Reason(name, fields["text"], fields["source"])
        for name, fields in document.pop("reasons").items()
    }
    cells = []
    for mode, targets in document.items():
        for target, vantages in targets.items():
            for vantage, value in vantages.items():
                where = f"{mode}.{target}.{vantage}"
                words = _chosen(value, release, where).rsplit(" ", 1)
                if len(words) != 2 or words[1] not in reasons:
                    raise ValueError(f"{where}: no outcome with a reason: {value!r}")
                outcome = Outcome(words[0])
                cells.append(Expected(mode, target, vantage, outcome, reasons[words[1]]))
    return tuple(cells)


def _chosen(value: Any, release: tuple[int, int, int], where: str) -> str:
    if isinstance(value, str):
        return value
    known = {tuple(map(int, since.split("."))): text for since, text in value.items()}
    past = [since for since in known if since <= release]
    if not past:
        raise ValueError(f"{where}: nothing is known of engine {'.'.join(map(str, release))}")
    return str(known[max(past)])
