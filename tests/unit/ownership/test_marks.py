"""Only a mark makes a thing ours: what has a like name and no mark is nobody's of hostonly's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hostonly.facts.inventory import Difference, Owner, Whose
from hostonly.facts.inventory_parse import Item
from hostonly.ownership import marks as marks_of
from hostonly.ownership.marks import Marks
from hostonly.providers.lxc import PROVIDER, box, idmap
from hostonly.site import Site
from tests.unit.sites import at

ONE, TWO = "/home/alex/one", "/home/alex/t wo"
OURS, NOBODYS = Whose(Owner.OURS, ONE), Whose(Owner.NOBODYS)
ANOTHERS, SOMEBODYS = Whose(Owner.ANOTHERS, TWO), Whose(Owner.ANOTHERS)
BOXES = box.boxes()
RANGE = f"/etc/subuid:{idmap.ENTRY}"


def marks(*, others: bool = True, ranges: bool = True) -> Marks:
    containers = {"hostonly-sandbox": ONE, "hostonly-sandbox2": ONE}
    if others:
        containers["work-sandbox"] = TWO
    tables = {"hostonly_hostonly": ONE, "hostonly_work": TWO}
    bridges = frozenset(("hostonly0", "hostonlynat0"))
    sandboxes = {"hostonly": ONE, "work": TWO}
    files = {"/etc/docker/certs.d/172.16.9.2:5000/ca.crt": TWO}
    temporary, boxes = "hostonly-0a1b2c3d-", frozenset(("hostonly-0123456789ab",))
    traces = [PROVIDER.traces]
    entered = [idmap.ENTRY] if ranges else []
    return Marks(
        ONE, containers, sandboxes, tables, files, bridges, temporary, entered, traces, boxes
    )


@pytest.mark.parametrize(
    ("kind", "name", "item", "whose"),
    [
        ("links", "x", Item("bridge", f"hostonly {ONE}"), OURS),
        ("links", "x", Item("bridge", f"hostonly {TWO}"), ANOTHERS),
        ("links", "hostonly0", Item("bridge"), NOBODYS),
        ("links", "hostonly0", Item("bridge", "hostonlyx"), NOBODYS),
        ("firewall rules", "table inet x", Item("1", "hostonly_hostonly"), OURS),
        ("firewall rules", "table inet x", Item("1", "hostonly_work"), ANOTHERS),
        ("firewall rules", "table inet x", Item("1", "hostonly_gone"), SOMEBODYS),
        ("iptables rules", "-A FORWARD", Item("1", "hostonly", "hostonly0"), OURS),
        ("iptables rules", "-A FORWARD", Item("1", "hostonly", "work0"), SOMEBODYS),
        ("iptables rules", "-A FORWARD -i hostonly0", Item("1"), NOBODYS),
        ("control groups", "/sys/fs/cgroup/cpu/lxc.monitor.hostonly-sandbox", Item(""), OURS),
        ("control groups", "/sys/fs/cgroup/cpu/lxc.payload.hostonly-sandbox-2", Item(""), OURS),
        ("control groups", "/sys/fs/cgroup/cpu/lxc.payload.hostonly-sandbox2", Item(""), OURS),
        ("control groups", "/sys/fs/cgroup/cpu/lxc.payload.work-sandbox", Item(""), ANOTHERS),
        ("control groups", "/sys/fs/cgroup/cpu/lxc.payload.hostonly-sandbox3", Item(""), NOBODYS),
        ("control groups", "/sys/fs/cgroup/cpu/lxc.pivot", Item(""), NOBODYS),
        ("files", "/var/lib/lxc/hostonly-sandbox", Item("d"), OURS),
        ("files", "/var/lib/lxc/my-hostonly-sandbox", Item("d"), NOBODYS),
        ("files", "/run/lxc/lock/var/lib/lxc/.hostonly-sandbox", Item("f"), OURS),
        ("files", "/var/lib/hostonly/sandboxes/work-sandbox/owner", Item("f"), ANOTHERS),
        ("files", "/var/lib/hostonly/bases/0123456789abcdef", Item("d"), Whose(Owner.CACHE)),
        ("files", "/var/lib/hostonly/switches.json", Item("f"), ANOTHERS),
        ("files", "/tmp/hostonly-0a1b2c3d-x", Item("d"), OURS),
        ("files", "/tmp/hostonly-ffffffff-x", Item("d"), SOMEBODYS),
        ("files", "/tmp/hostonly-notes", Item("d"), NOBODYS),
        ("files", f"{BOXES}/hostonly-0123456789ab/0/lxc", Item("d"), Whose(Owner.CACHE)),
        ("files", f"{BOXES}/hostonly-ffffffffffff/0/lxc", Item("d"), NOBODYS),
        ("files", "/etc/hosts", Item("f"), NOBODYS),
        ("files", "/etc/docker/certs.d/172.16.9.2:5000/ca.crt", Item("f"), ANOTHERS),
        ("files", "/etc/docker/certs.d/172.16.0.2:5000/ca.crt", Item("f"), NOBODYS),
        ("mounts", "/run/netns/hostonly-hostonly-0 (nsfs)", Item("1"), OURS),
        ("mounts", "/run/netns/hostonly-work-1 (nsfs)", Item("1"), ANOTHERS),
        ("mounts", "/run/netns/hostonly-web (nsfs)", Item("1"), NOBODYS),
        ("processes", "7", Item("[lxc monitor] /var/lib/lxc hostonly-sandbox"), OURS),
        ("processes", "7", Item("[lxc monitor] /var/lib/lxc work-sandbox"), ANOTHERS),
        ("processes", "7", Item(f"ssh -i {ONE}/.hostonly/ssh/id_ed25519 -N x"), OURS),
        ("processes", "7", Item("vi hostonly-sandbox.txt"), NOBODYS),
        ("processes", "7", Item("sh -c sleep 9; exit hostonly-0a1b2c3d-marked-1f"), OURS),
        ("processes", "7", Item("sh -c sleep 9; exit hostonly-ffffffff-marked-1f"), SOMEBODYS),
        ("files", "/tmp/hostonly-0a1b2c3d-marker-x", Item("f"), OURS),
        ("mounts", "/var/lib/lxc/hostonly-sandbox/rootfs (overlay)", Item("1"), OURS),
        ("mounts", "/mnt (/dev/sda1)", Item("1"), NOBODYS),
        ("loop devices", "/dev/loop0", Item(f"{ONE}/.hostonly/disk.img"), OURS),
        ("id ranges", RANGE, Item(""), ANOTHERS),
        ("id ranges", "/etc/subuid:alex:100000:65536", Item(""), NOBODYS),
    ],
)
def test_whose(kind: str, name: str, item: Item, whose: Whose) -> None:
    assert marks().whose(kind, name, item) == whose


@pytest.mark.parametrize("mark", ["hostonly", "hostonly-bench"])
def test_what_a_bench_of_ours_left_is_ours_when_it_is_gone(mark: str) -> None:
    # Above any process id that Linux gives (PID_MAX_LIMIT).
    for pid, owner in ((2**22 + 1, Owner.OURS), (os.getpid(), Owner.ANOTHERS)):
        item = Item("bridge", f"{mark} {ONE}/.hostonly/bench/{pid}/benchabc1")
        assert marks().whose("links", "x", item).owner is owner


def test_what_all_share_is_ours_when_we_are_the_last() -> None:
    alone = marks(others=False)
    assert alone.whose("id ranges", RANGE, Item("")) == OURS
    assert alone.whose("files", "/var/lib/hostonly/subids", Item("f")) == OURS
    # An entry that was there before us has no mark.
    assert marks(others=False, ranges=False).whose("id ranges", RANGE, Item("")) == NOBODYS


def test_what_all_share_is_anothers_while_it_has_its_bridges() -> None:
    beside = replace(marks(others=False), beside=[TWO])
    assert beside.whose("files", "/var/lib/hostonly/subids", Item("f")) == ANOTHERS


@pytest.mark.needs("ip")
def test_what_all_share_was_anothers_that_has_gone_while_we_looked(site: Site) -> None:
    earlier = replace(marks(others=False), beside=[TWO])
    now = marks_of.marks(at(site, Path(ONE)), earlier)
    assert now.whose("files", "/var/lib/hostonly/subids", Item("f")).owner is Owner.ANOTHERS


def test_a_module_that_we_have_loaded_is_ours_and_no_other() -> None:
    alone = replace(marks(others=False), modules=frozenset({"ip_vs"}))
    assert alone.whose("kernel modules", "ip_vs", Item("")) == OURS
    assert alone.whose("kernel modules", "veth", Item("")) == NOBODYS
    beside = replace(alone, beside=[TWO])
    assert beside.whose("kernel modules", "ip_vs", Item("")) == ANOTHERS


def forwarding(link: str) -> Difference:
    return Difference(f"net/ipv4/conf/{link}/forwarding", Item("0"), Item("1"))


def test_forwarding_that_was_not_put_back_is_ours() -> None:
    alone, difference = marks(others=False), forwarding("eth0")
    assert alone.whose_change("switches", difference, [difference]) == OURS
    assert marks().whose_change("switches", difference, [difference]) == ANOTHERS


def test_forwarding_that_the_global_switch_turned_is_not() -> None:
    turned = Difference("net/ipv4/ip_forward", Item("0"), Item("1"))
    together = [turned, forwarding("eth0")]
    assert [marks(others=False).whose_change("switches", d, together) for d in together] == [
        NOBODYS,
        NOBODYS,
    ]


def test_a_limit_that_was_not_put_back_is_ours() -> None:
    name = "fs/inotify/max_user_instances"
    raised = Difference(name, Item("128"), Item("8388608"))
    assert marks(others=False).whose_change("switches", raised, [raised]) == OURS
    assert marks().whose_change("switches", raised, [raised]) == ANOTHERS
    users = Difference(name, Item("128"), Item("512"))
    assert marks(others=False).whose_change("switches", users, [users]) == NOBODYS


def test_what_another_checkouts_sandbox_had_turned_is_put_back_by_nobodys_fault() -> None:
    for name, ours in (
        ("net/ipv4/conf/eth0/forwarding", "1"),
        ("fs/inotify/max_user_instances", "8388608"),
    ):
        back = Difference(name, Item(ours), Item("0"))
        assert marks(others=False).whose_change("switches", back, [back]) == NOBODYS


def test_a_link_that_came_with_its_switches_is_not_ours() -> None:
    new = Difference("net/ipv4/conf/docker0/forwarding", None, Item("1"))
    assert marks(others=False).whose_change("switches", new, [new]) == NOBODYS


def test_an_entry_that_lost_its_mark_is_ours_when_it_is_new() -> None:
    new = Difference(RANGE, None, Item(""))
    alone = marks(others=False, ranges=False)
    assert alone.whose_change("id ranges", new, [new]) == OURS
    gone = Difference(RANGE, Item(""), None)
    assert alone.whose_change("id ranges", gone, [gone]) == NOBODYS
