"""What runs of this checkout that were killed have left, and nothing else, goes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hostonly.checks.isolation.marker import marked
from hostonly.events import Emit, ignore
from hostonly.host import outsiders
from hostonly.ownership import remains
from hostonly.site import MachineSpec, Site
from tests.unit.sites import DB, at, settled


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    return tmp_path


def test_only_this_checkouts_temporary_folders_go(folder: Path, site: Site) -> None:
    ours = folder / f"{site.temporary}abc"
    theirs = folder / "hostonly-00000000-abc"
    for each in (ours, theirs):
        each.mkdir()
        (each / "docker.sock").touch()
    with marked(site.temporary) as marker:
        (folder / marker.file.name).touch()
    assert remains.remove_temporary(site)
    assert not ours.exists() and not (folder / marker.file.name).exists()
    assert theirs.exists()
    assert not remains.remove_temporary(site)


def test_what_a_killed_run_left_in_the_checkout_goes_and_is_named(
    folder: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outsiders, "remove", lambda site: True)
    here = at(site, folder)
    ended = subprocess.Popen(["true"])
    ended.wait()
    state = here.state
    gone = [
        state / f"ahead-{ended.pid}-x_8a",
        state / f"up-{ended.pid}-abc",
        state / f"box-{ended.pid}-_",
    ]
    kept = [state / f"ahead-{os.getpid()}-abc", state / "ahead-of-all", state / "up-1-2-3"]
    for each in (*gone, *kept):
        each.mkdir(parents=True)
        (each / "prepared").touch()
    said = remains.remove_killed(here)
    assert not any(path.exists() for path in gone) and all(path.exists() for path in kept)
    assert sorted(said[:3]) == sorted(f"{each.name} in .hostonly" for each in gone)
    assert said[-1] == "the neighbours of check.host-only"


def test_only_what_is_this_checkouts_is_destroyed_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = settled(machines={"db": DB})
    owners = {"hostonly-sandbox": str(site.root), "hostonly-sandbox2": "/another"}
    finished: list[str] = []

    class Provided:
        def __init__(self, site: Site, machine: MachineSpec) -> None:
            self.name = machine.instance

        def finish_destruction(self, emit: Emit) -> bool:
            finished.append(self.name)
            return True

    monkeypatch.setattr(remains, "owner", lambda claim: owners.get(claim.name))
    monkeypatch.setattr(remains, "provider_of", Provided)
    remains.finish_destructions(site, ignore)
    assert finished == ["hostonly-sandbox"]
