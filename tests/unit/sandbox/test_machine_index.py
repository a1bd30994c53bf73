"""Vagrant's index of machines: this checkout's go out of it, everybody else's stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hostonly.sandbox import machine_index


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path))
    folder = tmp_path / "data" / "machine-index"
    folder.mkdir(parents=True)
    return folder / "index"


def entry(folder: str, box: str) -> dict[str, Any]:
    return {"name": "sandbox", "vagrantfile_path": folder, "extra_data": {"box": {"name": box}}}


def test_only_this_checkouts_go(index: Path) -> None:
    machines = {
        # The second is of a Vagrant that was killed before it had written what the first is called.
        "98665b0cba92404f989014a39ec2b03a": entry("/home/alex/one", "hostonly-0123456789ab"),
        "": entry("/home/alex/one", "hostonly-0123456789ab"),
        "a": entry("/home/alex/two", "hostonly-0123456789ab"),
        "b": entry("/home/alex/one", "debian/bookworm64"),
        "c": {"name": "bare", "vagrantfile_path": "/home/alex/one", "extra_data": None},
    }
    index.write_text(json.dumps({"version": 1, "machines": machines}))
    assert machine_index.forget(Path("/home/alex/one")) == 2
    left = json.loads(index.read_text())
    assert left == {"version": 1, "machines": {each: machines[each] for each in "abc"}}
    assert machine_index.forget(Path("/home/alex/one")) == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1}', '{"machines": [1]}', '{"machines": {"a": 1}}']
)
def test_what_is_not_understood_is_left_as_it_is(index: Path, text: str) -> None:
    index.write_text(text)
    assert machine_index.forget(Path("/home/alex/one")) == 0
    assert index.read_text() == text


def test_where_vagrant_was_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "none"))
    assert machine_index.forget(Path("/home/alex/one")) == 0
    assert not (tmp_path / "none").exists()
