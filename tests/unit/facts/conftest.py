"""Captured examples: the files in the folder that is called as the fact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FACTS = Path(__file__).parent


@pytest.fixture
def captured() -> Callable[[str], str]:
    """The text of a captured file, `FACT/NAME`."""
    return lambda name: (FACTS / name).read_text()
