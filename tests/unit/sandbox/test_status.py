"""The machines' states by the noted settings: the same as the whole way says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hostonly.sandbox import container as container_module
from hostonly.sandbox import status
from hostonly.sandbox.quick import Note

SETTINGS: dict[str, dict[str, Any]] = {
    "sandbox": {"name": "one", "provider": "lxc"},
    "network": {"sandbox": "172.16.0.2", "sandbox2": "172.16.0.3"},
}


def test_only_what_vagrant_knows_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_module, "LXC", tmp_path / "lxc")
    monkeypatch.setattr(container_module, "run", lambda argv, **_: "RUNNING\n")
    for name in ("one-sandbox", "one-sandbox2"):
        (tmp_path / "lxc" / name).mkdir(parents=True)
        (tmp_path / "lxc" / name / "config").touch()
    known = tmp_path / ".vagrant" / "machines" / "sandbox" / "lxc" / "id"
    known.parent.mkdir(parents=True)
    known.write_text("one-sandbox")
    assert status.noted(tmp_path, Note("", SETTINGS, "one-sandbox", [], "")) == [
        status.Status("sandbox", "one-sandbox", "lxc", "172.16.0.2", "running"),
        status.Status("sandbox2", "one-sandbox2", "lxc", "172.16.0.3", "not_created"),
    ]


@pytest.mark.parametrize("words", [["--help"], ["--json", "sandbox.up"]])
def test_what_is_no_mere_question(words: list[str]) -> None:
    assert status.asked(["inv", status.TASK]) and status.asked(["inv", status.TASK, "--json"])
    assert not status.asked(["inv", status.TASK, *words])
    assert not status.asked(["inv", "-f", "other.yaml", status.TASK])
