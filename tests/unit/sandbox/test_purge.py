"""A purge takes the caches that nothing lies on, and leaves what another checkout needs."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Event
from hostonly.host import packages
from hostonly.ownership import before, lock
from hostonly.providers.lxc import base, uses
from hostonly.sandbox import purge
from hostonly.site import MARK, Site
from tests.unit.sites import at

USED, UNUSED, HANDED = "0" * 16, "1" * 16, "2" * 16
USED_BOX, UNUSED_BOX = "hostonly-0123456789ab", "hostonly-ba9876543210"
CONFIG = f"""\
# Template used to create this container: /home/alex/.vagrant.d/boxes/{USED_BOX}/0/lxc/lxc-template
lxc.rootfs.path = overlay:/var/lib/hostonly/bases/{USED}/rootfs:/var/lib/lxc/work-sandbox/layer
"""
THEIRS = "hostonly-555555555555"
HANDED_BOX = "hostonly-222222222222"
SETTINGS = (
    f"BASE=/var/lib/hostonly/bases/{HANDED}\nBOX=/home/alex/.vagrant.d/boxes/{HANDED_BOX}/\n"
    "HOSTNAME=sandbox\n"
)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store, a folder of containers and a Vagrant of its own below `tmp_path`."""
    store, lxc = tmp_path / "store", tmp_path / "lxc"
    for module in (base, lock, purge, uses):
        monkeypatch.setattr(module, "STORE", store)
    for module in (purge, uses):
        monkeypatch.setattr(module, "INSTANCES", store / "sandboxes")
    monkeypatch.setattr(uses, "LXC", lxc)
    monkeypatch.setattr(before, "sandboxes", lambda site: ())
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    monkeypatch.setattr(packages, "missing", lambda names: [n for n in names if n == "gone"])
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant.d"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for digest in (USED, UNUSED, HANDED, f"{USED}.partial"):
        (store / "bases" / digest / "rootfs").mkdir(parents=True)
    for name in (USED_BOX, UNUSED_BOX):
        files = tmp_path / "vagrant.d" / "boxes" / name / "0" / "lxc"
        files.mkdir(parents=True)
        (files / MARK).write_text(f"{name} was added by hostonly\n")
    # Somebody's own, one of them with a name like ours.
    for name in (THEIRS, "hostonly-mine", "debian"):
        files = tmp_path / "vagrant.d" / "boxes" / name / "0" / "lxc"
        files.mkdir(parents=True)
        (files / "metadata.json").write_text('{"provider": "lxc"}')
    (lxc / "work-sandbox").mkdir(parents=True)
    (lxc / "work-sandbox" / "config").write_text(CONFIG.replace("/var/lib/hostonly", str(store)))
    (store / "sandboxes" / "more-sandbox").mkdir(parents=True)
    handed = SETTINGS.replace("/var/lib/hostonly", str(store))
    (store / "sandboxes" / "more-sandbox" / "settings").write_text(handed)
    return tmp_path


@pytest.fixture
def checkout(site: Site, tmp_path: Path) -> Site:
    root = tmp_path / "checkout"
    (root / ".vagrant" / "machines").mkdir(parents=True)
    (root / ".hostonly" / "ssh").mkdir(parents=True)
    packages.note(root).write_text("lxc\nvagrant\nlxc\ngone\n-rf\n")
    return at(site, root)


def listed(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_what_another_checkouts_sandbox_uses_stays(machine: Path, checkout: Site) -> None:
    events: list[Event] = []
    purge.purge(checkout, events.append)
    assert listed(machine / "store" / "bases") == [USED, HANDED]
    boxes = machine / "vagrant.d" / "boxes"
    assert listed(boxes) == ["debian", USED_BOX, THEIRS, "hostonly-mine"]
    assert not checkout.state.exists()
    assert not (checkout.root / ".vagrant").exists()
    said = "\n".join(map(str, events))
    # What is installed still, each once, and never run.
    assert "apt-get remove lxc vagrant'" in said


def test_nothing_of_ours_is_left_where_nobody_uses_it(machine: Path, checkout: Site) -> None:
    (machine / "lxc" / "work-sandbox" / "config").unlink()
    (machine / "store" / "sandboxes" / "more-sandbox" / "settings").unlink()
    (machine / "store" / "sandboxes" / "more-sandbox").rmdir()
    purge.purge(checkout, lambda event: None)
    assert not (machine / "store").exists()
    assert listed(machine / "vagrant.d" / "boxes") == ["debian", THEIRS, "hostonly-mine"]


def test_keys_stay_while_a_sandbox_needs_them(
    machine: Path, checkout: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(before, "sandboxes", lambda site: ("hostonly-sandbox2",))
    purge.purge(checkout, lambda event: None)
    assert (checkout.state / "ssh").exists()
    assert (checkout.root / ".vagrant").exists()


def test_the_tests_own_copy_keeps_what_its_sandbox_needs(machine: Path, checkout: Site) -> None:
    owner = machine / "store" / "sandboxes" / "more-sandbox" / "owner"
    owner.write_text(f"{checkout.state}/integration/a copy\n")
    purge.purge(checkout, lambda event: None)
    assert (checkout.state / "ssh").exists()


def test_nothing_goes_when_it_is_not_known_what_is_used(
    machine: Path, checkout: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = machine / "bin" / "find"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(ToolFailed):
        purge.purge(checkout, lambda event: None)
    assert len(listed(machine / "store" / "bases")) == 4


def test_a_base_that_is_being_built_is_waited_for(
    machine: Path, checkout: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "STORE_SECONDS", 0.4)
    monkeypatch.setattr(lock, "SILENT_SECONDS", 0.1)
    builder = os.open(machine / "store", os.O_RDONLY)
    fcntl.flock(builder, fcntl.LOCK_EX)
    events: list[Event] = []
    with pytest.raises(HostonlyError, match="another checkout has been at work"):
        purge.purge(checkout, events.append)
    assert "waiting for another checkout" in str(events[0])
    assert len(listed(machine / "store" / "bases")) == 4
    os.close(builder)
    purge.purge(checkout, events.append)
    assert len(listed(machine / "store" / "bases")) == 2
