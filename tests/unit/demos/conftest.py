"""What the tests of the demos share: a played sandbox, and a testbed with it."""

from __future__ import annotations

import pytest

from hostonly.demos.testbed import Testbed
from hostonly.events import Event
from hostonly.report.model import SandboxAbout
from hostonly.site import Site
from tests.unit.demos.played import IMAGE, Played


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
