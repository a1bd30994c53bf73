"""The life of several machines: each is prepared, one Vagrant acts on all, and each is waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Signal

import pytest

from hostonly.errors import HostonlyError, Taken, ToolFailed
from hostonly.events import Event
from hostonly.host import modules, packages, traffic
from hostonly.ownership import remains
from hostonly.sandbox import life, prepare
from hostonly.sandbox.machine import Machine
from hostonly.sandbox.vagrant import PREPARED, Vagrant
from hostonly.site import MachineSpec, Site
from hostonly.vantages.shared_ssh import SharedConnection
from tests.unit.sandbox.provided import Noted, Provided
from tests.unit.sites import DB, at, settled


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Noted:
    """A host on which nothing is done but noted, where Vagrant makes what it is told."""
    noted = Noted()
    for module in ("sandbox.machine", "sandbox.status", "ownership.owners", "ownership.remains"):
        monkeypatch.setattr(f"hostonly.{module}.provider_of", noted.provider_of)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "missing", lambda names: [])
    monkeypatch.setattr(modules, "load", noted.step("modules"))
    monkeypatch.setattr(traffic, "allow", noted.step("traffic"))
    monkeypatch.setattr(remains, "remove_killed", lambda site: [])
    monkeypatch.setattr(prepare, "restore", noted.step("restore"))
    monkeypatch.setattr(
        SharedConnection, "close", lambda self: noted.did.append(f"close {self.name}")
    )

    def preparing(site: Site, machine: MachineSpec, emit: object) -> None:
        noted.did.append(f"prepare {machine.name}")

    def connect(self: Machine, over: Signal) -> None:
        over.wait()

    def ready(self: Machine, seconds: float) -> bool:
        noted.did.append(f"{'wait for' if seconds else 'look at'} {self.name}")
        return noted.states.get(self.name) == "running"

    def act(verb: str, state: str) -> Callable[[Vagrant, Path | None], None]:
        def run(vagrant: Vagrant, awaiting: Path | None = None) -> None:
            # As Vagrant's trigger waits for the host's side.
            while awaiting is not None and not awaiting.exists():
                Signal().wait(0.01)
            assert awaiting is None or awaiting.read_text() == PREPARED
            noted.did.append(f"vagrant {verb} {vagrant.names}")
            noted.states |= dict.fromkeys((each.name for each in vagrant.machines), state)

        return run

    monkeypatch.setattr(prepare, "prepare", preparing)
    monkeypatch.setattr(Machine, "connect", connect)
    monkeypatch.setattr(Machine, "ready", ready)
    monkeypatch.setattr(Vagrant, "up", act("up", "running"))
    monkeypatch.setattr(Vagrant, "halt", act("halt", "stopped"))
    monkeypatch.setattr(Vagrant, "destroy", act("destroy", "not_created"))
    return noted


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A checkout of three machines, whose names it has claimed."""
    root = tmp_path / "checkout"
    root.mkdir()
    made = at(settled(machines={"db": DB}), root)
    for machine in made.machines:
        claimed(tmp_path, machine, str(root))
    return made


def claimed(folder: Path, machine: MachineSpec, by: str) -> None:
    claim = folder / "claims" / machine.instance
    claim.mkdir(parents=True, exist_ok=True)
    (claim / "owner").write_text(f"{by}\n")


def machines(site: Site, said: list[Event], *names: str) -> list[Machine]:
    return [Machine(site, said.append, name) for name in names]


def quietly(did: list[str]) -> list[str]:
    """What was done, without what was only looked at."""
    return [each for each in did if not each.startswith(("look at", "finish", "reconcile"))]


def test_several_come_up_by_one_vagrant(site: Site, host: Noted) -> None:
    said: list[Event] = []
    life.up(machines(site, said, "sandbox", "db"))
    assert quietly(host.did) == [
        *("prepare sandbox", "prepare db"),
        "vagrant up sandbox db",
        *("wait for sandbox", "wait for db"),
    ]
    assert [str(event) for event in said if "is up at" in str(event)]
    assert [name for name in ("sandbox", "sandbox2", "db") if f"vagrant up {name}" in str(said)]


def test_what_is_up_is_left_alone_and_its_ways_are_made_again(site: Site, host: Noted) -> None:
    host.states = {"sandbox": "running", "db": "stopped"}
    said: list[Event] = []
    life.up(machines(site, said, "sandbox", "db"))
    assert quietly(host.did) == [
        *("modules", "traffic", "prepare db", "vagrant up db", "wait for db")
    ]
    assert "sandbox is up at 172.16.0.2" in str(said[0])
    host.did.clear()
    life.up(machines(site, said, "sandbox", "db"))
    assert quietly(host.did) == ["modules", "traffic"]


def test_one_that_runs_and_does_not_answer_is_mended_and_not_started(
    site: Site, host: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, False, True])
    host.states = {"sandbox": "running"}
    monkeypatch.setattr(Machine, "ready", lambda self, seconds: next(answers))
    life.up(machines(site, [], "sandbox"))
    assert quietly(host.did) == [
        "await end sandbox",
        "prepare sandbox",
        # eth0's first.
        "reattach to hostonlynat0 hostonly0 sandbox",
        "start services sandbox",
    ]


def test_each_provider_has_a_vagrant_of_its_own(site: Site, host: Noted) -> None:
    first, second, third = site.machines
    mixed = replace(site, machines=(first, replace(second, provider="toy"), third))
    life.up(machines(mixed, [], *mixed.names))
    assert [each for each in host.did if each.startswith("vagrant")] == [
        "vagrant up sandbox db",
        "vagrant up sandbox2",
    ]


@pytest.mark.parametrize("why", ["another user", "no box", "no packages"])
def test_where_vagrant_could_not_begin_all_is_made_first(
    site: Site, host: Noted, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    given: list[Path | None] = []
    if why == "another user":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    elif why == "no box":
        monkeypatch.setattr(Provided, "ready", False)
    else:
        monkeypatch.setattr(packages, "missing", lambda names: ["vagrant"])
    up = Vagrant.up

    def noting(vagrant: Vagrant, awaiting: Path | None = None) -> None:
        given.append(awaiting)
        up(vagrant, awaiting)

    monkeypatch.setattr(Vagrant, "up", noting)
    life.up(machines(site, [], "sandbox", "sandbox2"))
    assert given == [None]
    assert quietly(host.did)[:3] == [
        "prepare sandbox",
        "prepare sandbox2",
        "vagrant up sandbox sandbox2",
    ]


def test_nothing_is_begun_where_one_of_them_is_somebody_elses(
    site: Site, host: Noted, tmp_path: Path
) -> None:
    claimed(tmp_path, site.machine("db"), "/another")
    with pytest.raises(Taken, match="belongs to another checkout"):
        life.up(machines(site, [], "sandbox", "db"))
    assert not [each for each in host.did if each.startswith(("prepare", "vagrant"))]


def test_what_was_wrong_with_the_hosts_side_is_the_reason(
    site: Site, host: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise HostonlyError("that address is somebody else's")

    def give_up(vagrant: Vagrant, awaiting: Path | None = None) -> None:
        while awaiting is not None and not awaiting.exists():
            Signal().wait(0.01)
        raise ToolFailed("vagrant up did not work")

    monkeypatch.setattr(prepare, "prepare", fail)
    monkeypatch.setattr(Vagrant, "up", give_up)
    with pytest.raises(HostonlyError, match="that address"):
        life.up(machines(site, [], "sandbox", "db"))


def test_one_that_does_not_answer_in_time_is_named(
    site: Site, host: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "ready", lambda self, seconds: self.name != "db")
    with pytest.raises(HostonlyError, match=r"^db is running, but Docker and the registry did not"):
        life.up(machines(site, [], "sandbox", "db"))


def test_several_are_destroyed_by_one_vagrant_and_then_the_hosts_side(
    site: Site, host: Noted
) -> None:
    host.states = {"sandbox": "running", "db": "stopped"}
    said: list[Event] = []
    life.destroy(machines(site, said, *site.names))
    did = quietly(host.did)
    assert [each for each in did if each.startswith("close")] == [
        f"close {name}" for name in site.names
    ]
    assert did.index("vagrant destroy sandbox db") < did.index("restore") == len(did) - 1
    assert "sandbox2 is not created" in str(said[0])
    assert host.states == {"sandbox": "not_created", "db": "not_created"}


def test_halting_what_does_not_run_is_nothing(site: Site, host: Noted) -> None:
    said: list[Event] = []
    (machine,) = machines(site, said, "sandbox2")
    life.halt(machine)
    assert quietly(host.did) == [] and "sandbox2 is not running" in str(said)
    host.states = {"sandbox2": "running"}
    life.halt(machine)
    assert {"close sandbox2", "shut down sandbox2", "vagrant halt sandbox2"} <= set(host.did)


def test_one_whose_name_is_somebody_elses_does_not_keep_the_others(
    site: Site, host: Noted, tmp_path: Path
) -> None:
    host.states = {"sandbox": "running"}
    claimed(tmp_path, site.machine("sandbox2"), "/another")
    said: list[Event] = []
    with pytest.raises(Taken, match="belongs to another checkout: /another"):
        life.destroy(machines(site, said, *site.names))
    assert "vagrant destroy sandbox" in host.did


def test_a_machine_that_the_settings_no_longer_name_goes_with_the_others(
    site: Site, host: Noted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "provider_of", host.provider_of)
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    without = replace(site, machines=site.machines[:2])
    host.states = {"db": "running"}
    said: list[Event] = []
    life.destroy(machines(without, said, "sandbox"))
    assert host.states["db"] == "running"
    life.destroy(machines(without, said, *without.names))
    assert "remove db" in host.did
    assert "hostonly-db is no machine of the settings any more: removed" in str(said)
    assert not (tmp_path / "claims" / "hostonly-db").exists()
