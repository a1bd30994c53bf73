"""The memory of what runs in a control group: asked as root, and not taken for nothing."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import many
from hostonly.errors import HostonlyError
from hostonly.sandbox.machine import Machine

HERE = cast(Machine, SimpleNamespace(spec=SimpleNamespace(instance="one-sandbox")))
# Above any process id that Linux gives (PID_MAX_LIMIT).
NOBODY = 2**22 + 1


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group; how each command is run as root is noted in `as-root`."""

    def as_root(argv: Any) -> list[str]:
        (tmp_path / "as-root").write_text(argv[0])
        return list(argv)

    monkeypatch.setattr(many, "_control_group", lambda machine: tmp_path)
    monkeypatch.setattr("hostonly.host.command.as_root", as_root)
    return tmp_path


def test_processes_are_summed_by_root_and_one_that_has_ended_has_none(group: Path) -> None:
    (group / "inner").mkdir()
    (group / "cgroup.procs").write_text(f"{os.getpid()}\n{NOBODY}\n")
    one = many._pss_mb(HERE)
    assert 1 < one < 1000
    assert (group / "as-root").read_text() == "sh"
    (group / "inner" / "cgroup.procs").write_text(f"{os.getpid()}\n")
    assert many._pss_mb(HERE) == pytest.approx(2 * one, rel=0.1)


def test_memory_that_nobody_told_is_not_none(group: Path) -> None:
    (group / "cgroup.procs").write_text(f"{NOBODY}\n")
    with pytest.raises(HostonlyError, match="no process of one-sandbox told of its memory"):
        many._pss_mb(HERE)
