"""What unit and integration tests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hostonly import settings
from hostonly.site import Site

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def site() -> Site:
    """The site of the checkout's own invoke.yaml, without the caller's overrides."""
    return settings.settle(settings.read(ROOT / "invoke.yaml"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is not here: a bare machine has python3 and little else."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program) is None:
                pytest.skip(f"there is no {program} here")
