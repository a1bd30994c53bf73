"""Which units have failed, read from captured output of systemd 252."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.facts import Unreadable
from hostonly.facts.units import parse

CAPTURED = Path(__file__).parent / "units"


def test_failed() -> None:
    assert parse((CAPTURED / "failed.json").read_text()) == ("hostonly-fails.service",)
    assert parse((CAPTURED / "none-failed.json").read_text()) == ()


@pytest.mark.parametrize(
    "text",
    ["", "0 loaded units listed.\n", '[{"unit": "a.service", "active": "active"}]', "[{}]"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)
