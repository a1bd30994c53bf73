"""The locks: the store's is taken once by a process, which would wait for itself a second time; and who
waits for a checkout's is told for whom."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from pathlib import Path

import pytest

from hostonly.events import Event, ignore
from hostonly.sandbox import box, lock
from hostonly.settings import Settings


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


def told_while_held(settings: Settings, held_by: str) -> str:
    """What somebody is told who comes while the checkout's lock is held, and gets it afterwards;
    ``held_by`` is what the holder, or the one before, has left to be read."""
    settings.state.mkdir()
    (settings.state / lock.HOLDER).write_text(f"{held_by}\n")
    events: list[Event] = []
    waits = threading.Event()

    def emit(event: Event) -> None:
        events.append(event)
        waits.set()

    def take() -> None:
        with lock.sandboxes(settings, "up sandbox", emit):
            pass

    held = os.open(settings.state / lock.LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    waiting = threading.Thread(target=take)
    waiting.start()
    assert waits.wait(20)
    os.close(held)
    waiting.join(20)
    assert not waiting.is_alive()
    said = (settings.state / lock.HOLDER).read_text()
    assert said == f"inv sandbox.up sandbox (process {os.getpid()})\n"
    return str(events[0])


def test_who_waits_is_told_for_whom(tmp_path: Path, settings: Settings) -> None:
    holder = f"inv sandbox.halt sandbox (process {os.getppid()})"
    here = settings.model_copy(update={"root": tmp_path})
    assert f"waiting for {holder}" in told_while_held(here, holder)


def test_whoever_had_it_before_and_is_gone_is_not_named(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "NAMED_SECONDS", 0.1)
    # As it is from the lock's being taken to its holder's having said so.
    ended = subprocess.Popen(["true"])
    ended.wait()
    before = f"inv sandbox.destroy sandbox (process {ended.pid})"
    here = settings.model_copy(update={"root": tmp_path})
    assert "waiting for another process" in told_while_held(here, before)
