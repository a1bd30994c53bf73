"""The sandbox vantage, as far as it goes without one: whose connection is closed when one breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import Unreachable
from hostonly.vantages.sandbox import Sandbox, SshTarget


class Connection:
    """A connection that breaks under each command, when ``meanwhile`` has been done."""

    def __init__(self, meanwhile: Any = lambda: None) -> None:
        self.is_connected = True
        self._meanwhile = meanwhile

    def run(self, line: str, **how: object) -> None:
        self._meanwhile()
        raise EOFError

    def close(self) -> None:
        self.is_connected = False


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(SshTarget("192.0.2.1", 22, "vagrant", tmp_path, tmp_path), bridge=None)


def test_a_connection_that_broke_is_closed(sandbox: Sandbox) -> None:
    broken: Any = Connection()
    sandbox._connection = broken
    with pytest.raises(Unreachable, match="broke: EOFError"):
        sandbox.run(["true"])
    assert not broken.is_connected and sandbox._connection is None


def test_one_that_another_thread_has_opened_in_its_place_is_not(sandbox: Sandbox) -> None:
    other: Any = Connection()

    def meanwhile() -> None:
        sandbox._connection = other

    broken: Any = Connection(meanwhile)
    sandbox._connection = broken
    with pytest.raises(Unreachable):
        sandbox.run(["true"])
    assert not broken.is_connected
    assert other.is_connected and sandbox._connection is other
