"""What LXC leaves of a container goes by its exact name, and only when the container is gone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hostonly.host import outsiders
from hostonly.host.marker import marked
from hostonly.sandbox import names, remains
from hostonly.site import Site


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with cgroups, containers and locks of its own."""
    for name in ("CGROUPS", "CONTAINERS", "LOCKS"):
        monkeypatch.setattr(remains, name, tmp_path / name)
        (tmp_path / name).mkdir()
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path


def group(host: Path, name: str) -> Path:
    folder = host / "CGROUPS" / "cpu" / name
    (folder / "system.slice").mkdir(parents=True)
    return folder


def lock(host: Path, container: str) -> Path:
    file = host / "LOCKS" / (host / "CONTAINERS").relative_to("/") / f".{container}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


def test_exactly_the_containers_own_goes(host: Path) -> None:
    ours = [group(host, f"lxc.{kind}.web") for kind in ("monitor", "payload")]
    ours.append(group(host, "lxc.payload.web-1"))
    ours.append(lock(host, "web"))
    kept = [group(host, f"lxc.payload.{name}") for name in ("web2", "my.web", "web-1x", "web.d")]
    kept += [lock(host, "web2"), group(host, "lxc.pivot")]
    assert remains.remove("web")
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in kept)
    assert not remains.remove("web")


def test_a_container_that_is_really_called_so_keeps_its_group(host: Path) -> None:
    (host / "CONTAINERS" / "web-1").mkdir()
    theirs = group(host, "lxc.payload.web-1")
    assert not remains.remove("web")
    assert theirs.exists()


def test_nothing_goes_while_the_container_is_there(host: Path) -> None:
    (host / "CONTAINERS" / "web").mkdir()
    kept = [group(host, "lxc.payload.web"), lock(host, "web")]
    assert not remains.remove("web")
    assert all(path.exists() for path in kept)


def test_a_group_that_is_in_use_stays(host: Path) -> None:
    used = group(host, "lxc.payload.web")
    (used / "system.slice" / "process").touch()
    remains.remove("web")
    assert used.exists()


def test_only_this_checkouts_temporary_folders_go(host: Path, site: Site) -> None:
    ours = host / "tmp" / f"{names.temporary(site)}abc"
    theirs = host / "tmp" / "hostonly-00000000-abc"
    for folder in (ours, theirs):
        folder.mkdir()
        (folder / "docker.sock").touch()
    with marked(names.temporary(site)) as marker:
        (host / "tmp" / marker.file.name).touch()
    assert remains.remove_temporary(site)
    assert not ours.exists() and not (host / "tmp" / marker.file.name).exists()
    assert theirs.exists()
    assert not remains.remove_temporary(site)


def test_what_a_killed_run_left_in_the_checkout_goes_and_is_named(
    host: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outsiders, "remove", lambda site: True)
    here = site.model_copy(update={"root": host})
    ended = subprocess.Popen(["true"])
    ended.wait()
    state = here.state
    gone = [
        state / f"ahead-{ended.pid}-x_8a",
        state / f"up-{ended.pid}-abc",
        state / f"box-{ended.pid}-_",
    ]
    kept = [state / f"ahead-{os.getpid()}-abc", state / "ahead-of-all", state / "up-1-2-3"]
    for folder in (*gone, *kept):
        folder.mkdir(parents=True)
        (folder / "prepared").touch()
    said = remains.remove_killed(here)
    assert not any(path.exists() for path in gone) and all(path.exists() for path in kept)
    assert sorted(said[:3]) == sorted(f"{each.name} in .hostonly" for each in gone)
    assert said[-1] == "the neighbours of check.host-only"
