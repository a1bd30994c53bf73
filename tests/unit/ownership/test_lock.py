"""The locks: the store's is taken once by a process, which would wait for itself a second time; and who
waits for a checkout's is told for whom."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from hostonly.errors import HostonlyError
from hostonly.events import Event, ignore
from hostonly.flock import Lock
from hostonly.ownership import lock
from hostonly.providers.lxc import box
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from tests.unit.sites import at


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "STORE", tmp_path)


def test_twice_is_a_mistake_and_not_a_wait() -> None:
    with lock.store(ignore), pytest.raises(RuntimeError, match="twice"), lock.store(ignore):
        raise AssertionError("not reached")
    with lock.store(ignore):
        pass


def test_who_has_the_lock_can_add_the_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Path] = []
    monkeypatch.setattr(box, "present", lambda root: False)
    monkeypatch.setattr(box, "_add", lambda root, state, emit: added.append(root))
    with lock.store(ignore):
        box.ensure(tmp_path, tmp_path, ignore)
    assert added == [tmp_path]


LOCKS = {lock.LOCK: lock.sandboxes, lock.DEMO_LOCK: lock.demos}


def told_while_held(site: Site, held_by: str, name: str = lock.LOCK) -> str:
    """What somebody is told who comes while the checkout's lock ``name`` is held, and gets it afterwards;
    ``held_by`` is what the holder, or the one before, has left to be read."""
    site.state.mkdir()
    file = site.state / lock.holder(name)
    file.write_text(f"{held_by}\n")
    events: list[Event] = []
    waits = threading.Event()

    def emit(event: Event) -> None:
        events.append(event)
        waits.set()

    def take() -> None:
        with LOCKS[name](site, "sandbox.halt sandbox", emit):
            pass

    held = Lock(site.state / name)
    assert held.take()
    waiting = threading.Thread(target=take)
    waiting.start()
    assert waits.wait(20)
    held.release()
    waiting.join(20)
    assert not waiting.is_alive()
    assert file.read_text() == f"inv sandbox.halt sandbox (process {os.getpid()})\n"
    return str(events[0])


@pytest.mark.parametrize(
    ("name", "task"), [(lock.LOCK, "sandbox.up sandbox"), (lock.DEMO_LOCK, "demo.bridge")]
)
def test_who_waits_is_told_for_whom(tmp_path: Path, site: Site, name: str, task: str) -> None:
    holder = f"inv {task} (process {os.getppid()})"
    here = at(site, tmp_path)
    assert f"waiting for {holder}" in told_while_held(here, holder, name)


@pytest.mark.parametrize("task", ["sandbox.halt", "sandbox.destroy"])
def test_no_sandbox_is_taken_from_a_demo(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    """Whoever wants to waits, is told for which demo, and at last says so and what to do."""
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.2)
    here = at(site, tmp_path)
    machine, events = Machine(here, lambda event: events.append(event)), list[Event]()
    with (
        lock.demos(here, "demo.bridge", ignore),
        pytest.raises(HostonlyError, match=r"inv demo\.bridge .* at work") as error,
    ):
        life.halt(machine) if task == "sandbox.halt" else life.destroy([machine])
    assert f"waiting for inv demo.bridge (process {os.getpid()})" in str(events[0])
    assert "Wait for it or end it" in str(error.value.remedy)


def test_whoever_had_it_before_and_is_gone_is_not_named(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "NAMED_SECONDS", 0.1)
    # As it is from the lock's being taken to its holder's having said so.
    ended = subprocess.Popen(["true"])
    ended.wait()
    before = f"inv sandbox.destroy sandbox (process {ended.pid})"
    here = at(site, tmp_path)
    assert "waiting for another process" in told_while_held(here, before)
