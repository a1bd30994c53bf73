"""Vagrant started ahead of us: taken by the task that needs exactly it, and else gone without a trace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostonly.events import ignore
from hostonly.sandbox import ahead, box, lock, quick
from hostonly.sandbox.awaiting import PREPARED, say
from hostonly.sandbox.vagrant_calls import command
from hostonly.site import Site

# Waits as the Vagrantfile does, and says what came of it.
VAGRANT = """#!/bin/sh
until [ -e "$HOSTONLY_PREPARING" ]; do sleep 0.02; done
echo "$(cat "$HOSTONLY_PREPARING") $*"
"""
SETTINGS: dict[str, dict[str, Any]] = {"sandbox": {"name": "one", "provider": "lxc"}}
UP, HALT = ["inv", "sandbox.up"], ["inv", "sandbox.halt"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout whose settings are noted, whose sandbox is stopped, and whose Vagrant waits."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "vagrant").write_text(VAGRANT)
    (tmp_path / "bin" / "vagrant").chmod(0o755)
    (tmp_path / ".hostonly").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(box, "present", lambda root: True)
    state(monkeypatch, "stopped")
    quick.remember(tmp_path, quick.Note(quick.inputs(tmp_path), SETTINGS, "one-sandbox", [], ""))
    yield tmp_path
    left = {file.name for file in (tmp_path / ".hostonly").iterdir()}
    locks = {name for each in (lock.LOCK, lock.DEMO_LOCK) for name in (each, lock.holder(each))}
    assert left <= {"quick.json", *locks} and lock._ahead == {}


def state(patch: pytest.MonkeyPatch, word: str) -> None:
    patch.setattr(ahead, "state_of", lambda container: word)


def line(arguments: list[str], file: Path, site: dict[str, Any] = SETTINGS) -> list[str]:
    note = quick.Note("", site, "", [], "")
    return command(quick.settings_of(note), arguments, file)


def test_it_is_taken_by_its_own_command_line_and_goes_on_by_the_word(root: Path) -> None:
    arguments = ["up", "sandbox", "--provider=lxc"]
    with ahead.begun(root, UP):
        file = ahead.file(arguments)
        assert file is not None and not file.exists()
        process = ahead.take(line(arguments, file))
        assert process is not None and process.poll() is None
        say(file, PREPARED)
        assert process.communicate(timeout=60)[0] == "prepared up sandbox --provider=lxc\n"
        assert ahead.take(line(arguments, file)) is None


def test_for_another_command_or_other_settings_it_is_not_the_one(root: Path) -> None:
    arguments = ["up", "sandbox", "--provider=lxc"]
    theirs = {"sandbox": {"name": "another", "provider": "lxc"}}
    for other, site in ((["up", "sandbox2"], SETTINGS), (arguments, theirs)):
        with ahead.begun(root, UP):
            assert ahead.file(["halt", "sandbox"]) is None
            file = ahead.file(arguments)
            assert file is not None and ahead._begun is not None
            process = ahead._begun.process
            assert ahead.take(line(other, file, site)) is None
            assert process.poll() is not None


def test_what_nobody_takes_ends_without_the_word(root: Path) -> None:
    with ahead.begun(root, UP):
        assert ahead._begun is not None
        process = ahead._begun.process
    assert process.poll() is not None and ahead._begun is None


@pytest.mark.parametrize(
    ("argv", "word", "begins"),
    [
        (UP, "stopped", True),
        (UP, "not_created", True),
        (UP, "running", False),
        (UP, "frozen", False),
        (HALT, "running", True),
        (HALT, "stopped", False),
        (["inv", "sandbox.destroy"], "running", True),
        (["inv", "sandbox.destroy"], "stopped", True),
        (["inv", "sandbox.destroy"], "not_created", False),
        (["inv", "sandbox.destroy", "--purge"], "running", False),
        (["inv", "-f", "other.yaml", "sandbox.up"], "stopped", False),
        (["inv", "sandbox.up", "--machine", "sandbox2"], "stopped", False),
    ],
)
def test_only_where_it_will_be_needed(
    root: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], word: str, begins: bool
) -> None:
    state(monkeypatch, word)
    with ahead.begun(root, argv):
        assert (ahead._begun is not None) == begins


def test_not_without_the_box_or_the_note(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(box, "present", lambda root: False)
        with ahead.begun(root, UP):
            assert ahead._begun is None
    (root / "invoke.yaml").write_text("sandbox:\n  name: two\n")
    with ahead.begun(root, UP):
        assert ahead._begun is None


def test_not_while_another_task_is_at_work(root: Path, site: Site) -> None:
    here = site.model_copy(update={"root": root})
    with lock.sandboxes(here, "sandbox.destroy sandbox", ignore), ahead.begun(root, UP):
        assert ahead._begun is None
    with ahead.begun(root, UP):
        assert ahead._begun is not None
        process = ahead._begun.process
        # Ours from before the task on, and nobody else's until it has ended.
        with lock.sandboxes(here, "sandbox.up sandbox", ignore):
            assert process.poll() is None
            assert not lock.take_ahead(root / ".hostonly", "sandbox.up", (lock.LOCK,))
        assert lock.take_ahead(root / ".hostonly", "sandbox.up", (lock.LOCK,))
        lock.let_go()


@pytest.mark.parametrize(
    ("argv", "word"), [(HALT, "running"), (["inv", "sandbox.destroy"], "stopped")]
)
def test_what_would_take_a_sandbox_from_a_demo_holds_nothing_while_one_runs(
    root: Path, site: Site, monkeypatch: pytest.MonkeyPatch, argv: list[str], word: str
) -> None:
    """The demo may yet bring the second sandbox up: with that lock held they would wait for each other."""
    here = site.model_copy(update={"root": root})
    state(monkeypatch, word)
    with lock.demos(here, "demo.overlay", ignore), ahead.begun(root, argv):
        assert ahead._begun is None
        with lock.sandboxes(here, "sandbox.up sandbox2", ignore):
            pass
    with ahead.begun(root, argv):
        assert ahead._begun is not None
        assert not lock.take_ahead(root / ".hostonly", "demo.overlay", (lock.DEMO_LOCK,))
