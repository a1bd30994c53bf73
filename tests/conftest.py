"""What unit and integration tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly import settings as settings_module
from hostonly.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def settings() -> Settings:
    """The settings as the checkout's own invoke.yaml has them, without the caller's overrides."""
    return settings_module.read(ROOT / "invoke.yaml")
