"""What LXC leaves of a container goes by its exact name, and only when the container is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.providers.lxc import left


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with cgroups, containers and locks of its own."""
    for name in ("CGROUPS", "LXC", "LOCKS"):
        monkeypatch.setattr(left, name, tmp_path / name)
        (tmp_path / name).mkdir()
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    return tmp_path


def group(host: Path, name: str) -> Path:
    folder = host / "CGROUPS" / "cpu" / name
    (folder / "system.slice").mkdir(parents=True)
    return folder


def lock(host: Path, container: str) -> Path:
    file = host / "LOCKS" / (host / "LXC").relative_to("/") / f".{container}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


def test_exactly_the_containers_own_goes(host: Path) -> None:
    ours = [group(host, f"lxc.{kind}.web") for kind in ("monitor", "payload")]
    ours.append(group(host, "lxc.payload.web-1"))
    ours.append(lock(host, "web"))
    kept = [group(host, f"lxc.payload.{name}") for name in ("web2", "my.web", "web-1x", "web.d")]
    kept += [lock(host, "web2"), group(host, "lxc.pivot")]
    assert left.remove("web")
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in kept)
    assert not left.remove("web")


def test_a_container_that_is_really_called_so_keeps_its_group(host: Path) -> None:
    (host / "LXC" / "web-1").mkdir()
    theirs = group(host, "lxc.payload.web-1")
    assert not left.remove("web")
    assert theirs.exists()


def test_nothing_goes_while_the_container_is_there(host: Path) -> None:
    (host / "LXC" / "web").mkdir()
    kept = [group(host, "lxc.payload.web"), lock(host, "web")]
    assert not left.remove("web")
    assert all(path.exists() for path in kept)


def test_a_group_that_is_in_use_stays(host: Path) -> None:
    used = group(host, "lxc.payload.web")
    (used / "system.slice" / "process").touch()
    left.remove("web")
    assert used.exists()
