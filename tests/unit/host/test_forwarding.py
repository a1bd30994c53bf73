"""Forwarding: only what was off is switched on, and only that is put back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.host import forwarding
from hostonly.settings import Settings


class Kernel:
    """Stands for /proc/sys and for the commands that write it."""

    def __init__(self, proc: Path, journal: Path) -> None:
        self.proc, self.journal = proc, journal
        self.order: list[str] = []

    def add(self, interface: str, value: str) -> None:
        (self.proc / interface).mkdir(parents=True)
        (self.proc / interface / "forwarding").write_text(value + "\n")

    def value(self, interface: str) -> str:
        return (self.proc / interface / "forwarding").read_text().strip()

    def run(self, argv: Sequence[str], *, stdin: str | None = None, **_: Any) -> str:
        self.order.append(argv[0])
        match argv:
            case ["ip", *_]:
                return json.dumps(
                    [{"dst": "default", "dev": "eth0"}, {"dst": "default", "dev": "up.7"}]
                )
            case ["sysctl", "-qw", setting]:
                key, value = setting.split("=")
                (self.proc / key.split("/")[3] / "forwarding").write_text(value)
            case ["tee", file]:
                Path(file).write_text(stdin or "")
            case ["rm", "-f", file]:
                Path(file).unlink()
        return ""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path / "conf", tmp_path / "forwarding.json")
    monkeypatch.setattr(forwarding, "PROC", made.proc)
    monkeypatch.setattr(forwarding, "run", made.run)
    return made


def test_enabled_and_put_back(kernel: Kernel, settings: Settings) -> None:
    kernel.add(settings.network.nat_bridge, "0")
    kernel.add("eth0", "0")
    kernel.add("up.7", "1")
    forwarding.enable(settings, kernel.journal)
    assert [kernel.value(i) for i in (settings.network.nat_bridge, "eth0")] == ["1", "1"]
    # The journal is written before the first switch.
    assert kernel.order.index("tee") < kernel.order.index("sysctl")
    assert forwarding.restore(kernel.journal) == ["eth0"]
    assert kernel.value("eth0") == "0"
    assert kernel.value("up.7") == "1"
    assert not kernel.journal.exists()


def test_a_second_enable_does_not_forget_what_was_before(
    kernel: Kernel, settings: Settings
) -> None:
    kernel.add(settings.network.nat_bridge, "0")
    kernel.add("eth0", "0")
    forwarding.enable(settings, kernel.journal)
    forwarding.enable(settings, kernel.journal)
    assert forwarding.restore(kernel.journal) == ["eth0"]


def test_an_interface_that_went_away_is_passed_over(kernel: Kernel, settings: Settings) -> None:
    kernel.add(settings.network.nat_bridge, "0")
    kernel.journal.write_text(json.dumps({"gone0": "0"}))
    assert forwarding.restore(kernel.journal) == []
    assert not kernel.journal.exists()


def test_nothing_to_put_back(kernel: Kernel) -> None:
    assert forwarding.restore(kernel.journal) == []
