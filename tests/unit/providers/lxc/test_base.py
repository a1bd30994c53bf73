"""Which base is the current one, and whether its files are those that it was built with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hostonly.errors import ToolFailed
from hostonly.events import Event, Unchanged, Warned
from hostonly.providers.lxc import base
from hostonly.site import STORE, Site


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a recipe, and a store of its own."""
    monkeypatch.setattr(base, "STORE", tmp_path / "store")
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    recipe = base.recipe(tmp_path)
    recipe.mkdir(parents=True)
    (recipe / "packages").write_text("systemd\n")
    (recipe / "configure").write_text("true\n")
    return tmp_path


def built(made: base.Base) -> base.Base:
    (made.rootfs / "etc").mkdir(parents=True)
    (made.rootfs / "etc" / "passwd").write_text("root\n")
    (made.rootfs / "etc" / "link").symlink_to("passwd")
    (made.folder / "complete").write_text(base._listed(made.rootfs) + "\n")
    return made


def test_without_any_it_is_the_first(root: Path) -> None:
    assert base.current(root).generation == 0
    assert not base.current(root).complete


def test_the_newest_whole_one_counts(root: Path) -> None:
    first = base.current(root)
    for generation in (0, 2, 10):
        built(base.Base(first.digest, generation))
    (base.Base(first.digest, 11).folder).mkdir()
    (first.folder.with_name(f"{first.digest}-12.partial")).mkdir()
    (first.folder.with_name(f"{first.digest}-12.partial") / "complete").touch()
    assert base.current(root) == base.Base(first.digest, 10)


def test_another_recipe_is_another_base(root: Path) -> None:
    before = base.current(root)
    (base.recipe(root) / "packages").write_text("systemd\ncurl\n")
    assert base.current(root).digest != before.digest


def another_kind(file: Path) -> None:
    file.unlink()
    file.mkdir()


def link_elsewhere(file: Path) -> None:
    file.with_name("link").unlink()
    file.with_name("link").symlink_to("shadow")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "another size": lambda file: file.write_text("root and more\n"),
    "another time": lambda file: os.utime(file, (1, 1)),
    "another mode": lambda file: file.chmod(0o600),
    "another name": lambda file: file.rename(file.with_name("shadow")),
    "another kind": another_kind,
    "one more": lambda file: file.with_name("more").touch(),
    "a link elsewhere": link_elsewhere,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen(root: Path, damage: str) -> None:
    made = built(base.current(root))
    assert base.intact(made.folder)
    DAMAGE[damage](made.rootfs / "etc" / "passwd")
    assert not base.intact(made.folder)


@pytest.mark.parametrize("record", ["", "\n", None])
def test_one_without_a_record_is_not_whole(root: Path, record: str | None) -> None:
    made = built(base.current(root))
    (made.folder / "complete").unlink()
    if record is not None:
        # What a power cut leaves of a file that was not yet on the disk.
        (made.folder / "complete").write_text(record)
    assert not base.intact(made.folder)


def test_one_without_a_root_file_system_is_not_whole(root: Path) -> None:
    made = built(base.current(root))
    made.rootfs.rename(made.folder / "elsewhere")
    assert not base.intact(made.folder)


def building(monkeypatch: pytest.MonkeyPatch, fails: bool = False) -> None:
    """Let what is asked of mmdebstrap be done by a few lines of shell."""
    shell = 'set -e; echo new >"$1/file"; ' + ("echo full >&2; exit 1" if fails else "true")
    monkeypatch.setattr(base, "_pipeline", lambda: shell)


@pytest.mark.parametrize("used", [True, False])
def test_a_damaged_one_is_built_again_beside_one_in_use(
    root: Path, monkeypatch: pytest.MonkeyPatch, used: bool
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: owners are changed")
    building(monkeypatch)
    old = built(base.current(root))
    (old.rootfs / "etc" / "passwd").unlink()
    before = base._listed(old.rootfs)
    events: list[Event] = []
    new = base.ensure(root, events.append, in_use=lambda asked: used and asked == old)
    assert any(isinstance(event, Warned) and "building it again" in event.what for event in events)
    assert new == base.current(root) == base.Base(old.digest, 1 if used else 0)
    assert (new.rootfs / "file").read_text() == "new\n"
    assert base.intact(new.folder)
    if used:
        assert base._listed(old.rootfs) == before
    base.ensure(root, events.append, in_use=lambda asked: used)
    assert isinstance(events[-1], Unchanged)


def test_it_is_on_the_disk_before_it_has_its_name(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: owners are changed")
    building(monkeypatch)
    (root / "bin").mkdir()
    # Who writes all to the disk notes what was there.
    (root / "bin" / "sync").write_text(f'#!/bin/sh\nfind "$2" {root}/store/bases >"$0.saw"\n')
    (root / "bin" / "sync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{root}/bin:{os.environ['PATH']}")
    made = base.ensure(root, lambda event: None, in_use=lambda asked: False)
    saw = (root / "bin" / "sync.saw").read_text().splitlines()
    partial = f"{made.folder}.partial"
    assert f"{partial}/rootfs/file" in saw and f"{partial}/complete" in saw
    assert str(made.folder) not in saw


def test_a_new_one_takes_the_place_of_those_that_nobody_uses(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: owners are changed")
    building(monkeypatch)
    names = ("1" * 16, "2" * 16, f"{'2' * 16}-1", "3" * 16, f"{'4' * 16}.partial", "not-a-base")
    unused, in_use, again, recent, half, other = (root / "store" / "bases" / name for name in names)
    for folder in (unused, in_use, again, recent, half, other):
        folder.mkdir(parents=True)
        os.utime(folder, (1, 1))
    base.used(recent)
    events: list[Event] = []
    made = base.ensure(root, events.append, in_use=lambda asked: asked.folder == in_use)
    there = set((root / "store" / "bases").iterdir())
    assert there == {made.folder, in_use, recent, other}
    assert sum("nobody used any more" in str(event) for event in events) == 3


def test_one_that_cannot_be_built_leaves_the_others_and_no_half(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: owners are changed")
    building(monkeypatch, fails=True)
    old = built(base.current(root))
    with pytest.raises(ToolFailed, match="could not be built"):
        base.ensure(root, lambda event: None, rebuild=True, in_use=lambda asked: True)
    assert [path.name for path in (root / "store" / "bases").iterdir()] == [old.name]
    assert base.intact(old.folder)


def test_the_packages_are_the_recipes(site: Site) -> None:
    assert {"docker.io", "openssh-server"} <= set(base.packages(site.root))


def test_only_folders_of_the_store_are_discarded(tmp_path: Path) -> None:
    for folder in (tmp_path, STORE, STORE / ".." / "x"):
        with pytest.raises(ValueError, match="is not inside"):
            base.discard(folder.resolve())
