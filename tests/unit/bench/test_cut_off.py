"""What a bench that was killed has left: removed before the next one, and by a purge; else it is said."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hostonly.bench import cut_off, stock
from hostonly.errors import HostonlyError
from hostonly.events import ignore
from hostonly.host import bridges, packages
from hostonly.sandbox import names, remains
from hostonly.site import Site


@pytest.fixture
def user(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A checkout; `calls` in it tells what was run in the folders of its benches."""
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    monkeypatch.setattr(names, "SANDBOXES", tmp_path / "claims")
    monkeypatch.setattr(remains, "remove", lambda container: True)
    monkeypatch.setattr(bridges, "remove", lambda bridge: calls(tmp_path, bridge.mark))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    for name in ("bin", "tmp"):
        (tmp_path / name).mkdir()
    program(tmp_path / "bin" / "vagrant", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / ".hostonly").mkdir()
    return site.model_copy(update={"root": tmp_path})


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
    place = user.state / "bench" / "4000000"
    for name in ("benchabc1", "benchabc3"):
        (place / name).mkdir(parents=True)
        program(place / name / "inv", user.root)
        (place / name / "invoke.yaml").touch()
    # Only just begun: the copy is not whole, and nothing was made of it.
    (place / "benchabc3" / "invoke.yaml").unlink()
    packages.note(place / "benchabc1").parent.mkdir()
    packages.note(place / "benchabc1").write_text("mmdebstrap\n")
    project = place / "benchabc2-stock"
    (project / "rootfs").mkdir(parents=True)
    (project / "Vagrantfile").touch()
    (names.SANDBOXES / project.name).mkdir(parents=True)
    (names.SANDBOXES / project.name / "owner").write_text(f"{project}\n")
    (place / "vagrant.d").mkdir()
    home = Path(tempfile.mkdtemp(prefix=stock._temporary(project))) / "home"
    home.symlink_to(place / "vagrant.d")
    return place


@pytest.mark.parametrize("how", [cut_off.clear, cut_off.purge])
def test_machines_are_destroyed_and_folders_go(user: Site, how: Callable[..., None]) -> None:
    place = left(user)
    how(user, ignore)
    assert (user.root / "calls").read_text().splitlines() == [
        # The stock project first: what all checkouts share, the last of them takes away.
        f"benchabc2-stock vagrant destroy -f in {place}/vagrant.d",
        f"hostonly-bench {place}/benchabc2-stock",
        f"benchabc1 inv sandbox.destroy in {place}/vagrant.d",
    ]
    assert not place.exists()
    assert not list((user.root / "tmp").iterdir())
    assert not list(names.SANDBOXES.iterdir())
    assert packages.note(user.root).read_text() == "mmdebstrap\n"


def test_what_cannot_be_destroyed_keeps_its_folder_and_is_said(user: Site) -> None:
    place = left(user)
    program(place / "benchabc1" / "inv", user.root, status=3)
    with pytest.raises(HostonlyError, match="could not be removed: env failed") as said:
        cut_off.clear(user, ignore)
    assert str(place) in said.value.what
    assert (place / "benchabc1" / "invoke.yaml").exists()
    assert (place / "vagrant.d").exists()


def test_somebody_elses_claim_of_the_name_stays(user: Site) -> None:
    place = left(user)
    owner = names.SANDBOXES / "benchabc2-stock" / "owner"
    owner.write_text("/another/checkout\n")
    cut_off.clear(user, ignore)
    assert not place.exists()
    assert owner.exists()


def test_the_dhcp_server_is_ended_by_its_own_command_line_only(user: Site) -> None:
    place = left(user)
    file = place / "benchabc2-stock" / "dnsmasq.pid"
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
    place = left(user)
    with cut_off.alone(user), pytest.raises(HostonlyError, match="another bench is at work"):
        cut_off.purge(user, ignore)
    assert (place / "vagrant.d").exists()


def test_a_purge_where_there_was_no_bench_makes_nothing(user: Site) -> None:
    cut_off.purge(user, ignore)
    assert not list(user.state.iterdir())
