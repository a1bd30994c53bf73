"""A lock of the kernel's: one has it at a time, and only of what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.flock import Lock
from hostonly.process import kill, start


@pytest.mark.parametrize("folder", [False, True], ids=["a file", "a folder"])
def test_one_has_it_until_it_is_given_back(tmp_path: Path, folder: bool) -> None:
    path = tmp_path if folder else tmp_path / "lock"
    other = Lock(path, folder=folder)
    with Lock(path, folder=folder) as first:
        assert first.take() and first.take()
        assert not other.take()
    assert other.take()
    other.release()
    other.release()


def test_one_that_was_removed_counts_no_more(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(path) as first, Lock(path) as second:
        assert first.take()
        path.unlink()
        # Where it is looked for now there is another.
        assert second.take()


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    assert not Lock(tmp_path / "gone", folder=True).take()
    assert not Lock(tmp_path / "gone" / "lock").take()
    assert list(tmp_path.iterdir()) == []


def test_what_may_not_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        Lock(tmp_path).take()


def test_a_program_that_got_it_holds_it_as_long_as_it_runs(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock") as lock:
        with pytest.raises(RuntimeError, match="not taken"):
            lock.descriptor  # noqa: B018
        assert lock.take()
        child = start(["sleep", "30"], held=[lock.descriptor])
    with Lock(tmp_path / "lock") as other:
        assert not other.take()
        kill(child)
        assert other.take()
