"""LXC's containers as machines: what they stand on, and what Vagrant is told of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hostonly.errors import HostonlyError
from hostonly.events import Event, Warned, ignore
from hostonly.facts import Unreadable
from hostonly.facts.confinement import Layers
from hostonly.host import packages
from hostonly.providers import provider_of
from hostonly.providers.lxc import base, box, handover, idmap, left
from hostonly.providers.lxc import container as container_module
from hostonly.providers.lxc import provider as module
from hostonly.providers.lxc.container import COMPLETE
from hostonly.providers.lxc.provider import Lxc, parse_layers
from hostonly.providers.lxc.uses import Uses
from hostonly.site import Site


@pytest.fixture
def machine(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lxc:
    """The first machine as LXC's, whose folder is below ``tmp_path``."""
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    for each in (container_module, module):
        monkeypatch.setattr(each, "LXC", tmp_path / "lxc")
    monkeypatch.setattr(module, "SUBIDS", tmp_path / "subids")
    monkeypatch.setattr(idmap, "allowed", lambda: True)
    made = provider_of(site, site.sandbox)
    assert isinstance(made, Lxc)
    return made


@pytest.fixture
def below(machine: Lxc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The base under the container, which is there."""
    folder = tmp_path / "bases" / "0123456789abcdef"
    (folder / "rootfs" / "etc").mkdir(parents=True)
    (folder / "complete").write_text(base._listed(folder / "rootfs") + "\n")
    monkeypatch.setattr(module, "base_below", lambda name: folder)
    machine.folder.mkdir(parents=True)
    return folder


def test_it_is_ready_where_vagrant_could_begin(
    machine: Lxc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "present", lambda root: True)
    monkeypatch.setattr(packages, "missing", lambda names: [])
    assert machine.ready
    with monkeypatch.context() as patch:
        patch.setattr(box, "present", lambda root: False)
        assert not machine.ready
    with monkeypatch.context() as patch:
        patch.setattr(packages, "missing", lambda names: ["lxc"])
        assert not machine.ready


def test_its_configuration_is_that_of_its_links_and_limits(
    machine: Lxc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNIFIED", tmp_path / "none")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    told = machine.for_vagrant()
    lines = told["customize"]
    # Vagrant writes them again at each start: what was there goes first.
    assert lines[0] == ("net", "") and told["privileged"] is False
    assert dict(lines) == {
        "net": "",
        "net.0.type": "veth",
        "net.0.link": "hostonlynat0",
        "net.0.name": "eth0",
        "net.0.flags": "up",
        "net.0.hwaddr": "0e:00:ac:10:00:02",
        "net.0.ipv4.address": "10.203.16.2/24 10.203.16.255",
        "net.0.ipv4.gateway": "10.203.16.1",
        "net.1.type": "veth",
        "net.1.link": "hostonly0",
        "net.1.name": "eth1",
        "net.1.flags": "up",
        "net.1.hwaddr": "0e:01:ac:10:00:02",
        "net.1.ipv4.address": "172.16.0.2/24 172.16.0.255",
        "cgroup.memory.limit_in_bytes": 2048 * 1024 * 1024,
        "cgroup.cpu.cfs_quota_us": 200_000,
    }
    (tmp_path / "none").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    told = machine.for_vagrant()
    assert told["privileged"] is True
    assert told["customize"][-2:] == [
        ("cgroup2.memory.max", 2048 * 1024 * 1024),
        ("cgroup2.cpu.max", "200000 100000"),
    ]


@pytest.mark.parametrize("generation", [0, 1])
def test_a_base_that_sandboxes_stand_on_is_not_built_again(
    machine: Lxc, monkeypatch: pytest.MonkeyPatch, generation: int
) -> None:
    built = base.Base("0" * 16, generation)
    monkeypatch.setattr(base, "current", lambda root: built)
    monkeypatch.setattr(module, "uses", lambda: Uses(frozenset({built.name}), frozenset()))
    monkeypatch.setattr(base, "ensure", lambda *given, **named: pytest.fail("it was built"))
    with pytest.raises(HostonlyError, match=f"stand on the base {built.name}"):
        machine.make_box(ignore, rebuild=True)


def test_what_is_there_lies_on_its_own_base(machine: Lxc, below: Path) -> None:
    events: list[Event] = []
    assert machine._base_below(events.append) == below
    assert machine.root_file_system() == below / "rootfs"
    assert not events


@pytest.mark.parametrize("record", ["", None])
def test_a_base_under_a_sandbox_that_is_not_whole_is_said_and_stays_under_it(
    machine: Lxc, below: Path, record: str | None
) -> None:
    (below / "complete").unlink()
    if record is not None:
        (below / "complete").write_text(record)
    events: list[Event] = []
    assert machine._base_below(events.append) == below
    assert [str(event) for event in events if isinstance(event, Warned)]
    assert "./inv sandbox.destroy and ./inv sandbox.up" in str(events[0])


def test_a_base_that_is_gone_under_a_sandbox_is_not_another_one(machine: Lxc, below: Path) -> None:
    shutil.rmtree(below)
    with pytest.raises(HostonlyError, match=f"the base under sandbox is gone: {below}"):
        machine._base_below(ignore)


@pytest.mark.parametrize("complete", [True, False])
def test_a_configuration_that_was_cut_off(
    machine: Lxc, below: Path, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    """LXC would start it on the host's own root file system; one made only half has none yet."""
    monkeypatch.setattr(module, "base_below", lambda name: None)
    if complete:
        (machine.folder / COMPLETE).touch()
        with pytest.raises(HostonlyError, match="was cut off"):
            machine._base_below(ignore)
    else:
        assert machine._base_below(ignore) is None and machine.root_file_system() is None


def test_it_is_made_on_the_base_below_it_else_on_the_current_one(
    machine: Lxc, below: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Path] = []
    current = base.Base("f" * 16)
    monkeypatch.setattr(box, "ensure", lambda root, state, emit: None)
    monkeypatch.setattr(base, "ensure", lambda *_, **__: current)
    monkeypatch.setattr(handover, "hand_over", lambda site, machine, on: given.append(on))
    machine.prepare(ignore)
    monkeypatch.setattr(module, "base_below", lambda name: None)
    machine.prepare(ignore)
    assert given == [below, current.folder]


def test_the_mark_of_the_id_range_is_there_before_the_range(
    machine: Lxc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry without it would never be taken out again."""
    subids = tmp_path / "subids"
    steps: list[str] = []
    monkeypatch.setattr(idmap, "allowed", lambda: False)
    monkeypatch.setattr(idmap, "allow", lambda: steps.append(f"entered {subids.exists()}"))
    monkeypatch.setattr(idmap, "disallow", lambda: steps.append(f"taken out {subids.exists()}"))
    monkeypatch.setattr(base, "ensure", lambda *_, **__: base.current(machine.site.root))
    assert machine.put_back() == []
    machine._base(ignore)
    assert machine.put_back() == ["root's range in /etc/subuid and /etc/subgid"]
    assert steps == ["entered True", "taken out True"] and not subids.exists()


def test_what_is_left_of_it_is_said(machine: Lxc, monkeypatch: pytest.MonkeyPatch) -> None:
    for something in (True, False):
        monkeypatch.setattr(left, "remove", lambda name, there=something: there)
        assert machine.let_go() == (["what LXC left of hostonly-sandbox"] if something else [])


@pytest.mark.parametrize("prefix", ["overlay:", ""])
def test_layers(prefix: str) -> None:
    line = f"lxc.rootfs.path = {prefix}/var/lib/hostonly/bases/0a/rootfs:/var/lib/lxc/w/layer\n"
    found = parse_layers(line)
    assert found == Layers("/var/lib/hostonly/bases/0a/rootfs", "/var/lib/lxc/w/layer")


@pytest.mark.parametrize("output", ["", "lxc.rootfs.path = dir:/rootfs\n"])
def test_layers_that_are_none(output: str) -> None:
    with pytest.raises(Unreadable):
        parse_layers(output)
