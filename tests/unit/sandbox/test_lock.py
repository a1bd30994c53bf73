"""The store's lock is taken once by a process: a second time it would wait for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.events import ignore
from hostonly.sandbox import box, lock


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "STORE", tmp_path)


def test_twice_is_a_mistake_and_not_a_wait() -> None:
    with lock.store(ignore), pytest.raises(RuntimeError, match="twice"), lock.store(ignore):
        raise AssertionError("not reached")
    with lock.store(ignore):
        pass


def test_who_has_the_lock_can_add_the_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Path] = []
    monkeypatch.setattr(box, "present", lambda root: False)
    monkeypatch.setattr(box, "_add", lambda root, state, emit: added.append(root))
    with lock.store(ignore):
        box.ensure(tmp_path, tmp_path, ignore)
    assert added == [tmp_path]
