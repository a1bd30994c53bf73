"""Vagrant: what it is told, by its command line and by variables; and how it waits for the host's side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Event, ignore
from hostonly.sandbox import vagrant as module
from hostonly.sandbox.keys import public
from hostonly.sandbox.vagrant import FAILED, PREPARED, Vagrant, awaited, command, for_vagrant
from hostonly.site import Site
from tests.unit.sandbox.provided import Noted
from tests.unit.sites import DB, at, settled
from tests.unit.vagrantfile import FILE, MODULE

RUBY = f"""{MODULE}
puts "begins"
$stdout.flush
Hostonly.await(ARGV[1])
puts "goes on"
"""


def told(argv: Sequence[str]) -> dict[str, str]:
    """The variables that a command line gives to what it runs."""
    line = [*argv[: argv.index("vagrant")], "env", "-0"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    return dict(word.split("=", 1) for word in said.split("\0") if word)


def test_only_the_users_boxes_are_where_they_say(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGRANT_HOME", "/theirs")
    monkeypatch.setenv("VAGRANT_CWD", "/their/project")
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "virtualbox")
    argv = command(site, ["status"])
    assert argv[-2:] == ["vagrant", "status"]
    given = {key: value for key, value in told(argv).items() if key.startswith("VAGRANT_")}
    assert given == {
        "VAGRANT_HOME": "/theirs",
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_NO_COLOR": "1",
        "VAGRANT_DEFAULT_PROVIDER": "lxc",
    }


def test_it_need_ask_nobody_for_the_site(site: Site, tmp_path: Path) -> None:
    given = told(command(site, ["up"]))
    assert json.loads(given["HOSTONLY_SITE"]) == json.loads(json.dumps(for_vagrant(site)))
    assert given["HOSTONLY_PREPARED"] == "1" and "HOSTONLY_PREPARING" not in given
    given = told(command(site, ["up"], tmp_path / "prepared"))
    assert given["HOSTONLY_PREPARING"] == str(tmp_path / "prepared")
    assert given["HOSTONLY_CALLER"] == str(os.getpid())


def test_what_the_vagrantfile_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ruby fetches, everything of it; the rest of the site beside it."""
    monkeypatch.setattr(module, "provider_of", Noted().provider_of)
    site = settled(machines={"db": DB}, waiting={"patience": 3})
    read = for_vagrant(site)
    assert read["python"] == sys.executable and read["user"] == "vagrant"
    assert (read["boot_seconds"], read["halt_seconds"]) == (900, 90)
    assert read["login_key"] == str(site.login_key)
    assert f'UserKnownHostsFile="{site.known_hosts}"' in read["ssh_options"]
    assert [
        (each["name"], each["address"], each["host_key"], each["provides"])
        for each in read["machines"]
    ] == [
        (name, address, str(public(site.machine(name).host_key)), {"told": name})
        for name, address in (
            ("sandbox", "172.16.0.2"),
            ("sandbox2", "172.16.0.3"),
            ("db", "172.16.0.9"),
        )
    ]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of Vagrant, from its own name on."""
    lines: list[list[str]] = []

    def run(argv: Sequence[str], **_: Any) -> str:
        if "vagrant" in argv:
            lines.append(list(argv[argv.index("vagrant") :]))
        return ""

    monkeypatch.setattr(module, "run", run)
    return lines


def test_several_machines_are_one_call_of_vagrant(site: Site, ran: list[list[str]]) -> None:
    vagrant = Vagrant(site, site.machines, ignore)
    vagrant.up()
    vagrant.halt()
    vagrant.destroy()
    Vagrant(site, site.machines[1:], ignore).up()
    assert ran == [
        ["vagrant", "up", "sandbox", "sandbox2", "--provider=lxc"],
        ["vagrant", "halt", "sandbox", "sandbox2"],
        ["vagrant", "destroy", "sandbox", "sandbox2", "--force"],
        ["vagrant", "up", "sandbox2", "--provider=lxc"],
    ]


@pytest.mark.parametrize("output", ["The machine is locked!", "something else"])
def test_one_that_is_at_work_is_waited_for_and_nothing_else(
    site: Site, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    calls: list[list[str]] = []
    events: list[Event] = []

    def run(argv: Sequence[str], **_: Any) -> str:
        calls.append(list(argv))
        if len(calls) == 1:
            raise ToolFailed("vagrant failed", output=output)
        return ""

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    vagrant = Vagrant(site, site.machines, events.append)
    if "locked" in output:
        vagrant.up()
        assert len(calls) == 2 and "another Vagrant is at work" in str(events[0])
    else:
        with pytest.raises(
            ToolFailed, match="vagrant up of sandbox sandbox2 did not work"
        ) as error:
            vagrant.up()
        assert error.value.ran == "vagrant up sandbox sandbox2" and error.value.output == output


# --- what is made while Vagrant starts


@pytest.fixture
def here(site: Site, tmp_path: Path) -> Site:
    return at(site, tmp_path)


def test_the_file_is_there_when_it_is_done(here: Site) -> None:
    done: list[str] = []
    with awaited(here, lambda: done.append("made")) as awaiting:
        assert not awaiting.file.exists()
        awaiting.work()
        assert done == ["made"] and awaiting.file.read_text() == PREPARED
    assert not list(here.state.iterdir())


def test_the_file_says_what_went_wrong(here: Site) -> None:
    def fail() -> None:
        raise HostonlyError("that address is somebody else's")

    with awaited(here, fail) as awaiting:
        with pytest.raises(HostonlyError, match="somebody else's"):
            awaiting.work()
        assert awaiting.file.read_text() == FAILED


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
