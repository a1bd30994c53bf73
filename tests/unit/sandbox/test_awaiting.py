"""Vagrant starts while the host's side is made, and waits for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from hostonly.errors import HostonlyError
from hostonly.host import packages
from hostonly.sandbox import box
from hostonly.sandbox.awaiting import FAILED, PREPARED, told, vagrant_can_wait
from hostonly.site import Site
from tests.unit.vagrantfile import FILE, MODULE

RUBY = f"""{MODULE}
puts "begins"
$stdout.flush
Hostonly.await(ARGV[1])
puts "goes on"
"""


def test_the_file_is_there_when_it_is_done(tmp_path: Path) -> None:
    done: list[str] = []
    with told(tmp_path / "state", lambda: done.append("made"), None) as awaited:
        assert not awaited.file.exists()
        awaited.work()
        assert done == ["made"] and awaited.file.read_text() == PREPARED
    assert not list((tmp_path / "state").iterdir())


def test_the_file_says_what_went_wrong(tmp_path: Path) -> None:
    def fail() -> None:
        raise HostonlyError("that address is somebody else's")

    with told(tmp_path, fail, None) as awaited:
        with pytest.raises(HostonlyError, match="somebody else's"):
            awaited.work()
        assert awaited.file.read_text() == FAILED


def test_it_waits_only_where_nothing_is_missing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(box, "present", lambda root: True)
    monkeypatch.setattr(packages, "missing", lambda names: [])
    assert vagrant_can_wait(site)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 1000)
        assert not vagrant_can_wait(site)
    with monkeypatch.context() as patch:
        patch.setattr(box, "present", lambda root: False)
        assert not vagrant_can_wait(site)
    with monkeypatch.context() as patch:
        patch.setattr(packages, "missing", lambda names: ["lxc"])
        assert not vagrant_can_wait(site)


def _sleeps(pid: int) -> int:
    """How often the process has given its processor away by itself."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def _ruby(file: Path) -> subprocess.Popen[str]:
    command = ["ruby", "-e", RUBY, str(FILE), str(file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.needs("ruby")
@pytest.mark.parametrize("word", [PREPARED, FAILED])
def test_the_vagrantfile_waits_for_the_file(tmp_path: Path, word: str) -> None:
    assert shutil.which("ruby")
    with _ruby(tmp_path / "prepared") as process:
        assert process.stdout is not None and process.stdout.readline() == "begins\n"
        # It looks again and again: each time it sleeps in between.
        looked = _sleeps(process.pid)
        while process.poll() is None and _sleeps(process.pid) < looked + 5:
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()
        written = tmp_path / "written"
        written.write_text(word)
        written.replace(tmp_path / "prepared")
        out, err = process.communicate(timeout=60)
    assert (process.returncode == 0, out == "goes on\n") == (word == PREPARED, word == PREPARED)
    assert ("could not be made" in err) == (word == FAILED)


@pytest.mark.needs("ruby")
@pytest.mark.parametrize("until", ["", 'until grep -qs begins "$4"; do sleep .02; done; sleep .1'])
def test_the_vagrantfile_waits_for_nobody_who_is_gone(tmp_path: Path, until: str) -> None:
    """Whether that was before it began to wait or after."""
    said = tmp_path / "said"
    line = f'HOSTONLY_CALLER=$$ ruby -e "$1" "$2" "$3" >"$4" 2>&1 & {until}'
    command = [
        *("sh", "-c", line, "sh", RUBY),
        *(str(FILE), str(tmp_path / "prepared"), str(said)),
    ]
    subprocess.run(command, timeout=20, check=True)
    deadline = time.monotonic() + 60
    while not said.exists() or "is gone" not in said.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
