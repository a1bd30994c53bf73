"""Modules of the kernel: only what is not there is loaded, and only what was not there before is unloaded."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import ToolFailed
from hostonly.events import Done, Event, ignore
from hostonly.host import modules, switches
from hostonly.host.modules import BRIDGES, LINKS, MODULES
from tests.unit.host import journalled

UNLOADED_LAST_FIRST = [name for name in reversed(MODULES) if name not in LINKS]


class Kernel:
    """Stands for /sys/module, /proc and what root runs; all of `MODULES` can be loaded."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.sys = folder / "proc", folder / "sys"
        self.journal = folder / "store" / "modules.json"
        self.there, self.refused = set(MODULES), set[str]()
        self.order: list[str] = []
        self.sys.mkdir()
        self.has("modules", "")
        self.has("sys/kernel/random/boot_id", "one")

    def has(self, name: str, text: str) -> None:
        (self.proc / name).parent.mkdir(parents=True, exist_ok=True)
        (self.proc / name).write_text(text + "\n")

    def load(self, name: str) -> None:
        (self.sys / name / "holders").mkdir(parents=True)
        (self.sys / name / "refcnt").write_text("0\n")
        if name == BRIDGES:
            for switch in modules.SWITCHES:
                self.has(f"sys/{switch}", "1")

    def use(self, name: str) -> None:
        (self.sys / name / "refcnt").write_text("1\n")

    def unload(self, name: str) -> None:
        subprocess.run(["rm", "-r", str(self.sys / name)], check=True)
        if name == BRIDGES:
            subprocess.run(["rm", "-r", str(self.proc / "sys/net/bridge")], check=True)

    def switched_on(self) -> set[str | None]:
        return {switches.value(name) for name in modules.SWITCHES}

    def run(self, argv: Sequence[str], **_: Any) -> str:
        match argv:
            case ["sh", "-c", script, "sh", *names] if "--dry-run" in script:
                self.order.append("asked")
                told = [name for name in names if name in self.there]
                # As kmod 30 prints it, with one that another stands on.
                lines = ["insmod /lib/modules/6.1.0/kernel/net/802/stp.ko "]
                lines += [f"insmod /lib/modules/6.1.0/kernel/{n}.ko.xz numdummies=0" for n in told]
                return "".join(f"{line}\n" for line in lines)
            case ["sh", "-c", script, "sh", *names]:
                self.order.append("modprobe")
                assert "modprobe --all --use-blacklist" in script
                for name in names:
                    if name not in self.refused:
                        self.load(name)
                if "bridge-nf-call-iptables=0" in script and (self.sys / BRIDGES).exists():
                    for switch in modules.SWITCHES:
                        assert f"{switch}=0" in script
                        self.has(f"sys/{switch}", "0")
            case ["rmmod", *names]:
                used = [name for name in names if modules._in_use(name)]
                self.order.append("rmmod")
                for name in names:
                    if name not in used:
                        self.unload(name)
                if used:
                    raise ToolFailed("rmmod failed", ran="rmmod", output="is in use")
            case _:
                if argv[3:4] == ["write"]:
                    self.order.append("journal")
                journalled.run(argv)
        return ""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path)
    monkeypatch.setattr(modules, "SYS", made.sys)
    monkeypatch.setattr(modules, "PROC", made.proc)
    monkeypatch.setattr(switches, "PROC", made.proc / "sys")
    monkeypatch.setattr(modules, "ENDING_SECONDS", 0.0)
    monkeypatch.setattr(modules, "find", lambda program: Path("/sbin") / program)
    monkeypatch.setattr(modules, "run", made.run)
    journalled.ran_by(made.run, monkeypatch)
    return made


def loaded(kernel: Kernel) -> list[str]:
    told: list[Event] = []
    modules.load(kernel.journal, told.append)
    for event in told:
        assert isinstance(event, Done)
    return [event.what for event in told if isinstance(event, Done)]


def test_loaded_told_and_unloaded(kernel: Kernel) -> None:
    kernel.load("overlay")
    (line,) = loaded(kernel)
    assert line.startswith("loaded this machine's kernel modules that sandboxes need: ")
    assert line.split(": ")[1].split(", ") == [name for name in MODULES if name != "overlay"]
    # The journal is whole before the first is loaded.
    assert kernel.order == ["asked", "journal", "modprobe"]
    gone = modules.unload(kernel.journal)
    assert gone == [name for name in UNLOADED_LAST_FIRST if name != "overlay"]
    # The user's own, and those whose links nobody counts.
    assert sorted(each.name for each in kernel.sys.iterdir()) == sorted(["overlay", *LINKS])
    assert list(kernel.journal.parent.iterdir()) == []


def test_where_all_are_loaded_nothing_is_run(kernel: Kernel) -> None:
    for name in MODULES:
        kernel.load(name)
    assert loaded(kernel) == [] and kernel.order == []
    # Whoever loaded br_netfilter has its switches as he wants them.
    assert kernel.switched_on() == {"1"}
    assert modules.unload(kernel.journal) == []


def test_the_bridges_of_this_machine_go_on_as_they_did(kernel: Kernel) -> None:
    loaded(kernel)
    assert kernel.switched_on() == {"0"}


@pytest.mark.parametrize("lacks", ["no modules", "no modprobe", "no more", "no file"])
def test_what_cannot_be_loaded_is_no_error(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    match lacks:
        case "no modules":
            (kernel.proc / "modules").unlink()
        case "no modprobe":
            monkeypatch.setattr(modules, "find", lambda program: None)
        case "no more":
            kernel.has("sys/kernel/modules_disabled", "1")
        case "no file":
            kernel.there = set()
    assert loaded(kernel) == []
    assert kernel.order in ([], ["asked"])
    assert not kernel.journal.exists()


def test_what_the_kernel_refuses_is_not_told_and_not_noted_twice(kernel: Kernel) -> None:
    kernel.refused = {BRIDGES}
    assert all(BRIDGES not in line for line in loaded(kernel))
    kernel.order.clear()
    assert loaded(kernel) == []
    assert kernel.order == ["asked", "modprobe"]
    assert BRIDGES not in modules.unload(kernel.journal)


def test_what_was_unloaded_by_hand_is_loaded_again(kernel: Kernel) -> None:
    loaded(kernel)
    kernel.unload(BRIDGES)
    (line,) = loaded(kernel)
    assert line.endswith(f": {BRIDGES}") and kernel.switched_on() == {"0"}
    assert modules.unload(kernel.journal) == UNLOADED_LAST_FIRST


def test_what_was_noted_in_an_earlier_boot_counts_for_nothing(kernel: Kernel) -> None:
    loaded(kernel)
    kernel.has("sys/kernel/random/boot_id", "two")
    # All are there, by somebody else's doing.
    assert loaded(kernel) == [] and modules.ours(kernel.journal) == []
    assert modules.unload(kernel.journal) == []
    assert not kernel.journal.exists()


def test_what_is_in_use_stays(kernel: Kernel) -> None:
    loaded(kernel)
    kernel.use("ip_vs_rr")
    assert modules.unload(kernel.journal) == [n for n in UNLOADED_LAST_FIRST if n != "ip_vs_rr"]
    assert kernel.order.count("rmmod") == 1


def test_what_a_sandbox_that_is_just_ending_uses_is_waited_for(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its network namespace ends after its last process."""
    loaded(kernel)
    kernel.use("ip_vs_rr")

    def sleep(_: float) -> None:
        (kernel.sys / "ip_vs_rr" / "refcnt").write_text("0\n")

    monkeypatch.setattr(modules, "ENDING_SECONDS", 60.0)
    monkeypatch.setattr("hostonly.host.modules.time.sleep", sleep)
    assert modules.unload(kernel.journal) == UNLOADED_LAST_FIRST
    assert kernel.order.count("rmmod") == 2


def test_br_netfilter_stays_where_somebody_has_switched_it_on(kernel: Kernel) -> None:
    loaded(kernel)
    kernel.has(f"sys/{modules.SWITCHES[1]}", "1")
    assert modules.unload(kernel.journal) == UNLOADED_LAST_FIRST[1:]


@pytest.mark.parametrize("since", [True, False])
def test_br_netfilter_stays_where_an_engine_was_started_since(kernel: Kernel, since: bool) -> None:
    loaded(kernel)
    ticks = time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")
    # It was started now.
    kernel.has("4711/stat", f"4711 (docker) d) S {'0 ' * 18}{ticks:.0f} 0 0")
    kernel.has("4711/comm", "dockerd")
    moment = time.time() + (-9 if since else 9)
    os.utime(kernel.journal, (moment, moment))
    gone = modules.unload(kernel.journal)
    assert gone == UNLOADED_LAST_FIRST[1 if since else 0 :]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"boot": "one"}', '{"boot": "one", "modules": 1}']
)
def test_a_journal_that_is_none_of_ours_unloads_nothing(kernel: Kernel, text: str) -> None:
    loaded(kernel)
    kernel.journal.write_text(text)
    assert modules.unload(kernel.journal) == []
    assert list(kernel.journal.parent.iterdir()) == []


def test_a_modprobe_that_fails_is_no_error(tmp_path: Path) -> None:
    """Of several names it fails for one, and has done the others."""
    (tmp_path / "modprobe").write_text("#!/bin/sh\necho insmod /x/ip_vs.ko\nexit 1\n")
    (tmp_path / "modprobe").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    for script in (modules._WOULD_LOAD, modules._LOAD):
        argv = ["sh", "-c", script, "sh", "ip_vs", "no_such"]
        done = subprocess.run(argv, env=path, capture_output=True, text=True, check=True)
        assert done.stdout == "insmod /x/ip_vs.ko\n"


def test_the_journal_says_the_boot(kernel: Kernel) -> None:
    modules.load(kernel.journal, ignore)
    assert json.loads(kernel.journal.read_text()) == {"boot": "one", "modules": sorted(MODULES)}
