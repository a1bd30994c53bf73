"""Adding the box to Vagrant, by whoever holds the store; whose a box is, which its name does not say."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import HostonlyError
from hostonly.events import Event, Warned, ignore
from hostonly.ownership import lock
from hostonly.providers.lxc import box
from hostonly.site import MARK, ROOT, box_name

NAME = box_name(ROOT, "lxc")


def test_it_is_added_once_with_the_store_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added: list[str] = []

    def run(argv: Sequence[str], **_: Any) -> str:
        assert list(argv[:3]) == ["vagrant", "box", "add"]
        added.append(argv[-1])
        folder = box.boxes() / NAME / "0" / "lxc"
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


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the box is, in a Vagrant of its own that adds and overwrites as Vagrant does."""
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant.d"))
    folder = box.boxes() / NAME / "0" / "lxc"

    def run(argv: Sequence[str], **_: Any) -> str:
        assert not folder.exists(), "Vagrant stops at a box whose metadata it cannot read"
        folder.mkdir(parents=True)
        with tarfile.open(argv[-1]) as archive:
            archive.extractall(folder)
        return ""

    monkeypatch.setattr(box, "run", run)
    box.ensure(ROOT, tmp_path, ignore)
    return folder


def test_what_is_added_is_whole_and_ours(added: Path) -> None:
    assert box.present(ROOT)
    assert box.ours() == [NAME]
    with tarfile.open(added / "rootfs.tar.gz") as empty:
        assert empty.getnames() == []


def truncated(folder: Path) -> None:
    for file in folder.iterdir():
        if file.name != MARK:
            file.write_bytes(b"")


def half_moved(folder: Path) -> None:
    """As it is where Vagrant was killed while it moved the files there."""
    for file in ("lxc-template", "seccomp", MARK):
        (folder / file).unlink()
    (folder / "lxc-config").write_bytes((folder / "lxc-config").read_bytes()[:40])


@pytest.mark.parametrize("damage", [truncated, half_moved])
def test_a_damaged_one_of_ours_is_added_again(
    added: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(added)
    events: list[Event] = []
    box.ensure(ROOT, tmp_path, events.append)
    assert box.present(ROOT)
    assert any(isinstance(event, Warned) and "damaged" in event.what for event in events)


def test_one_without_the_mark_is_ours_by_what_it_holds(added: Path) -> None:
    (added / MARK).unlink()
    assert box.ours() == [NAME]
    (added / "seccomp").write_text("another\n")
    assert box.ours() == []
    (added / MARK).write_text("hostonly-000000000000 was added by hostonly\n")
    assert box.ours() == []


def test_somebodys_own_box_of_the_name_is_left_alone(added: Path, tmp_path: Path) -> None:
    (added / MARK).unlink()
    (added / "seccomp").write_text("another\n")
    with pytest.raises(HostonlyError, match="left alone"):
        box.ensure(ROOT, tmp_path, ignore)
    assert (added / "seccomp").read_text() == "another\n"


def test_another_providers_box_of_the_name_stays(added: Path) -> None:
    other = added.with_name("virtualbox")
    other.mkdir()
    box.remove(NAME)
    assert not added.exists() and other.exists()
    other.rmdir()
    added.mkdir()
    box.remove(NAME)
    assert list(box.boxes().iterdir()) == []
