"""What the tests of the stage, the demos and the checks share: a played sandbox, and a testbed with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.events import Event
from hostonly.results.judged import SandboxAbout
from hostonly.site import Site
from hostonly.stage.testbed import Testbed
from tests.unit.stage.played import IMAGE, Played


@pytest.fixture(autouse=True)
def claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No unit test comes upon a sandbox of this machine: each has a folder of claims of its own."""
    monkeypatch.setattr("hostonly.settings.derive.INSTANCES", tmp_path / "claims")
    return tmp_path / "claims"


@pytest.fixture
def sandbox() -> Played:
    return Played()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def testbed(site: Site, sandbox: Played) -> Testbed:
    about = SandboxAbout("hostonly", "lxc", "172.16.0.2", "20.10.24")
    return Testbed(site, sandbox, sandbox, about, IMAGE, lambda: sandbox)
