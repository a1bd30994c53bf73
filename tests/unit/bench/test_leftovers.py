"""What a bench that was killed has left: removed before the next one, and by a purge; else it is said."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import leftovers, stock
from hostonly.errors import HostonlyError
from hostonly.events import ignore
from hostonly.host import bridges, packages
from hostonly.providers.lxc import left as left_of_lxc
from hostonly.site import Site
from tests.unit.sites import at


@pytest.fixture
def user(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A checkout; `calls` in it tells what was run in the folders of its benches."""
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    monkeypatch.setattr(stock, "INSTANCES", tmp_path / "claims")
    monkeypatch.setattr(left_of_lxc, "remove", lambda container: True)
    monkeypatch.setattr(bridges, "remove", lambda bridge: calls(tmp_path, bridge.mark))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    for name in ("bin", "tmp"):
        (tmp_path / name).mkdir()
    program(tmp_path / "bin" / "vagrant", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / ".hostonly").mkdir()
    return at(site, tmp_path)


def calls(root: Path, line: str) -> bool:
    with (root / "calls").open("a") as file:
        file.write(f"{line}\n")
    return True


def program(file: Path, root: Path, status: int = 0) -> None:
    line = f'echo "$(basename "$PWD") ${{0##*/}} $* in $VAGRANT_HOME" >>"{root}/calls"'
    file.write_text(f"#!/bin/sh\n{line}\nexit {status}\n")
    file.chmod(0o755)


def left(user: Site) -> Path:
    """What a bench leaves that is killed with everything there: two checkouts and the stock project."""
    workspace = user.state / "bench" / "4000000"
    for name in ("benchabc1", "benchabc3"):
        (workspace / name).mkdir(parents=True)
        program(workspace / name / "inv", user.root)
        (workspace / name / "invoke.yaml").touch()
    # Only just begun: the copy is not whole, and nothing was made of it.
    (workspace / "benchabc3" / "invoke.yaml").unlink()
    packages.note(workspace / "benchabc1").parent.mkdir()
    packages.note(workspace / "benchabc1").write_text("mmdebstrap\n")
    project = workspace / "benchabc2-stock"
    (project / "rootfs").mkdir(parents=True)
    (project / "Vagrantfile").touch()
    ((user.root / "claims") / project.name).mkdir(parents=True)
    ((user.root / "claims") / project.name / "owner").write_text(f"{project}\n")
    (workspace / "vagrant.d").mkdir()
    home = Path(tempfile.mkdtemp(prefix=stock._temporary(project))) / "home"
    home.symlink_to(workspace / "vagrant.d")
    return workspace


@pytest.mark.parametrize("how", [leftovers.clear, leftovers.purge])
def test_machines_are_destroyed_and_folders_go(user: Site, how: Callable[..., None]) -> None:
    workspace = left(user)
    how(user, ignore)
    assert (user.root / "calls").read_text().splitlines() == [
        # The stock project first: what all checkouts share, the last of them takes away.
        f"benchabc2-stock vagrant destroy -f in {workspace}/vagrant.d",
        f"hostonly-bench {workspace}/benchabc2-stock",
        f"benchabc1 inv sandbox.destroy in {workspace}/vagrant.d",
    ]
    assert not workspace.exists()
    assert not list((user.root / "tmp").iterdir())
    assert not list((user.root / "claims").iterdir())
    assert packages.note(user.root).read_text() == "mmdebstrap\n"


def test_what_cannot_be_destroyed_keeps_its_folder_and_is_said(user: Site) -> None:
    workspace = left(user)
    program(workspace / "benchabc1" / "inv", user.root, status=3)
    with pytest.raises(HostonlyError, match="could not be removed: env failed") as said:
        leftovers.clear(user, ignore)
    assert str(workspace) in said.value.what
    assert (workspace / "benchabc1" / "invoke.yaml").exists()
    assert (workspace / "vagrant.d").exists()


def test_somebody_elses_claim_of_the_name_stays(user: Site) -> None:
    workspace = left(user)
    owner = (user.root / "claims") / "benchabc2-stock" / "owner"
    owner.write_text("/another/checkout\n")
    leftovers.clear(user, ignore)
    assert not workspace.exists()
    assert owner.exists()


def test_the_dhcp_server_is_ended_by_its_own_command_line_only(user: Site) -> None:
    workspace = left(user)
    file = workspace / "benchabc2-stock" / "dnsmasq.pid"
    sleep = [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)"]
    other, server = (
        subprocess.Popen([*sleep, f"--pid-file={path}"], stdout=subprocess.PIPE)
        for path in (file.with_name("x"), file)
    )
    try:
        for process, ended in ((other, False), (server, True)):
            # Its command line is not there at once.
            assert process.stdout is not None and process.stdout.readline()
            file.write_text(f"{process.pid}\n")
            stock._end_server(file.parent)
            if ended:
                process.wait(10)
            assert (process.poll() is not None) is ended
    finally:
        for process in (other, server):
            process.kill()
            process.communicate()


def test_nothing_is_touched_while_a_bench_is_at_work(user: Site) -> None:
    workspace = left(user)
    with leftovers.alone(user), pytest.raises(HostonlyError, match="another bench is at work"):
        leftovers.purge(user, ignore)
    assert (workspace / "vagrant.d").exists()


def test_a_purge_where_there_was_no_bench_makes_nothing(user: Site) -> None:
    leftovers.purge(user, ignore)
    assert not list(user.state.iterdir())
