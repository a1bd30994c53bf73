"""The machine's switches: only what is not so already is turned, and only what is ours is put back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.host import forwarding, limits, switches, traffic
from hostonly.host.switches import Switch
from hostonly.site import Site
from tests.unit.host import journalled

ETH0, VLAN, ALL = (f"net/ipv4/conf/{name}/forwarding" for name in ("eth0", "up.7", "all"))
INSTANCES = "fs/inotify/max_user_instances"


class Kernel:
    """Stands for /proc/sys and for the commands that write it."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.journal = folder / "sys", folder / "store" / "switches.json"
        self.order: list[str] = []

    def has(self, name: str, value: str) -> None:
        (self.proc / name).parent.mkdir(parents=True, exist_ok=True)
        (self.proc / name).write_text(value + "\n")

    def run(self, argv: Sequence[str], **_: Any) -> str:
        self.order.append(argv[0])
        match argv:
            case ["ip", *_]:
                return json.dumps(
                    [{"dst": "default", "dev": "eth0"}, {"dst": "default", "dev": "up.7"}]
                )
            case ["sysctl", "-qw", *words]:
                for setting in words:
                    name, value = setting.split("=")
                    assert (self.proc / name).exists()
                    self.has(name, value)
            case _:
                journalled.run(argv)
        return ""

    def turn(self, *wanted: Switch) -> None:
        switches.turn(wanted, self.journal)

    def put_back(self) -> list[str]:
        return switches.put_back(self.journal)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path)
    monkeypatch.setattr(switches, "PROC", made.proc)
    monkeypatch.setattr(switches, "run", made.run)
    journalled.ran_by(made.run, monkeypatch)
    monkeypatch.setattr(forwarding, "run", made.run)
    made.has(ALL, "0")
    made.has(ETH0, "0")
    made.has(INSTANCES, "128")
    return made


ON = Switch(ETH0, "1", ALL)
RAISED = Switch(INSTANCES, "8388608")


def test_turned_and_put_back(kernel: Kernel) -> None:
    kernel.has(VLAN, "1")
    kernel.turn(ON, Switch(VLAN, "1", ALL), RAISED, Switch("net/no/such", "1"))
    assert [switches.value(name) for name in (ETH0, INSTANCES)] == ["1", "8388608"]
    # The journal is whole before the first switch is turned.
    assert kernel.order.index("sh") < kernel.order.index("sysctl")
    assert kernel.put_back() == [ETH0, INSTANCES]
    assert [switches.value(name) for name in (ETH0, VLAN, INSTANCES)] == ["0", "1", "128"]
    assert list(kernel.journal.parent.iterdir()) == []


def test_what_is_put_back_is_told_in_few_words(kernel: Kernel) -> None:
    kernel.has(VLAN, "0")
    kernel.turn(ON, Switch(VLAN, "1", ALL), RAISED)
    told = traffic.put_back(kernel.journal)
    assert told == ["forwarding on eth0", "forwarding on up.7", "the limits that sandboxes share"]
    assert traffic.put_back(kernel.journal) == []


def test_a_second_checkouts_turn_does_not_forget_what_was_before(kernel: Kernel) -> None:
    kernel.turn(ON, RAISED)
    kernel.order.clear()
    kernel.turn(ON, RAISED)
    assert kernel.order == []
    assert kernel.put_back() == [ETH0, INSTANCES]
    assert kernel.put_back() == []


def test_a_switch_that_went_away_is_passed_over(kernel: Kernel) -> None:
    kernel.turn(ON)
    (kernel.proc / ETH0).unlink()
    assert kernel.put_back() == []
    assert not kernel.journal.exists()


def test_what_the_user_has_turned_meanwhile_is_his(kernel: Kernel) -> None:
    kernel.turn(RAISED)
    kernel.has(INSTANCES, "8192")
    assert kernel.put_back() == []
    assert switches.value(INSTANCES) == "8192"


def test_what_the_user_has_turned_is_put_back_where_it_was_turned_again(kernel: Kernel) -> None:
    kernel.turn(RAISED)
    kernel.has(INSTANCES, "8192")
    kernel.turn(RAISED)
    assert kernel.put_back() == [INSTANCES]
    assert switches.value(INSTANCES) == "8192"


def test_forwarding_is_not_taken_from_a_docker_that_was_started_meanwhile(kernel: Kernel) -> None:
    kernel.turn(ON)
    # net.ipv4.ip_forward=1 turns all of them.
    kernel.has(ALL, "1")
    assert kernel.put_back() == []
    assert switches.value(ETH0) == "1"


def test_forwarding_is_put_back_where_the_global_switch_was_on_before(kernel: Kernel) -> None:
    kernel.has(ALL, "1")
    kernel.turn(ON)
    assert kernel.put_back() == [ETH0]
    assert switches.value(ETH0) == "0"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"eth0": "0"}', '{"eth0": {"no": "such"}}'])
def test_a_journal_that_is_none_of_ours_puts_nothing_back(kernel: Kernel, text: str) -> None:
    kernel.journal.parent.mkdir()
    kernel.journal.write_text(text)
    kernel.journal.with_name("switches.json.7").write_text("cut o")
    assert kernel.put_back() == []
    assert list(kernel.journal.parent.iterdir()) == []


def test_forwarding_is_needed_of_the_uplinks_and_the_nat_bridge_alone(
    kernel: Kernel, site: Site
) -> None:
    bridge = f"net/ipv4/conf/{site.nat.name}/forwarding"
    assert forwarding.needed(site) == [
        Switch(bridge, "1", ALL),
        ON,
        Switch(VLAN, "1", ALL),
    ]


def test_a_limit_is_raised_and_never_lowered(kernel: Kernel) -> None:
    kernel.has("net/ipv4/neigh/default/gc_thresh3", "1024")
    kernel.has("net/ipv4/neigh/default/gc_thresh2", "65536")
    assert limits.needed() == [RAISED, Switch("net/ipv4/neigh/default/gc_thresh3", "8192")]
