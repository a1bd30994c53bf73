"""Adding the box to Vagrant, by whoever holds the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.events import ignore
from hostonly.sandbox import box, lock

ROOT = Path(__file__).resolve().parents[3]


def test_it_is_added_once_with_the_store_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added: list[str] = []

    def run(argv: Sequence[str], **_: Any) -> str:
        assert list(argv[:3]) == ["vagrant", "box", "add"]
        added.append(argv[-1])
        folder = box.boxes() / box.name(ROOT) / "0" / "lxc"
        folder.mkdir(parents=True)
        for file in ("lxc-config", "lxc-template", "metadata.json", "seccomp"):
            (folder / file).write_bytes((ROOT / "packer/guest/lxc" / file).read_bytes())
        return ""

    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant.d"))
    monkeypatch.setattr(box, "run", run)
    monkeypatch.setattr(lock, "STORE", tmp_path)
    # Who waited here would wait for himself.
    monkeypatch.setattr(lock, "STORE_SECONDS", 0.2)
    for _ in range(2):
        with lock.store(ignore):
            box.ensure(ROOT, tmp_path, ignore)
    assert len(added) == 1 and not Path(added[0]).exists()
