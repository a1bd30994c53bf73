"""The short way of sandbox.exec: taken only where nothing has changed since the note."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import Unreachable
from hostonly.sandbox import quick
from hostonly.vantages.shared_ssh import SharedConnection

ARGV = ["inv", "sandbox.exec", "--", "echo", "a  b"]


class Became(Exception):
    """Raised in place of becoming another program."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a note that holds: connection open, sandbox the same, route right."""
    (tmp_path / "invoke.yaml").write_text("sandbox:\n  name: one\n")
    (tmp_path / ".hostonly" / "ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    note = quick.Note(
        inputs=quick.inputs(tmp_path),
        site={"network": {"sandbox": "172.16.0.2", "bridge": "hostonly0"}},
        container="one-sandbox",
        ssh=["ssh", "-x"],
        destination="vagrant@172.16.0.2",
    )
    quick.remember(tmp_path, note)

    def answer(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert argv == ["lxc-info", "--name", "one-sandbox", "--pid", "--no-humanize"]
        return subprocess.CompletedProcess(argv, 0, "77\n", "")

    def become(program: str, argv: list[str]) -> None:
        raise Became(program, argv)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "execvp", become)
    monkeypatch.setattr(SharedConnection, "ready", lambda self, generation: generation == "77")
    monkeypatch.setattr(quick, "require_host_only_route", lambda address, bridge: None)
    monkeypatch.setattr(subprocess, "run", answer)
    return tmp_path


def test_taken(root: Path) -> None:
    with pytest.raises(Became) as became:
        quick.attempt(root, ARGV)
    path = f'ControlPath="{root}/.hostonly/ssh/sandbox.77.shared"'
    words = ["ssh", "-x", "-o", path, "vagrant@172.16.0.2", "echo 'a  b'"]
    assert became.value.args == ("ssh", words)


@pytest.mark.parametrize(
    "argv",
    [
        ["inv"],
        ["inv", "sandbox.exec"],
        ["inv", "sandbox.exec", "--"],
        ["inv", "sandbox.exec", "-m", "sandbox2", "--", "true"],
        ["inv", "-f", "other.yaml", "sandbox.exec", "--", "true"],
        ["inv", "sandbox.status", "--", "true"],
    ],
)
def test_no_other_command_line(root: Path, argv: list[str]) -> None:
    quick.attempt(root, argv)


@pytest.mark.parametrize("password_needed", [False, True])
def test_as_another_user(
    root: Path, monkeypatch: pytest.MonkeyPatch, password_needed: bool
) -> None:
    """LXC is asked by sudo, which must not ask back: then the whole way is taken, which may."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    asked: list[list[str]] = []

    def answer(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(argv)
        return subprocess.CompletedProcess(
            argv, int(password_needed), "" if password_needed else "77\n", ""
        )

    monkeypatch.setattr(subprocess, "run", answer)
    with contextlib.nullcontext() if password_needed else pytest.raises(Became):
        quick.attempt(root, ARGV)
    lxc_info = ["lxc-info", "--name", "one-sandbox", "--pid", "--no-humanize"]
    assert asked == [["sudo", "-n", *lxc_info]]


def test_not_with_a_note_that_is_missing_or_damaged(root: Path) -> None:
    file = root / ".hostonly" / "quick.json"
    for text in ("", "[]", "{}", '{"inputs": 1}', "\0"):
        file.write_text(text)
        quick.attempt(root, ARGV)
    file.unlink()
    quick.attempt(root, ARGV)


def test_not_with_other_settings(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "invoke.yaml").write_text("sandbox:\n  name: two\n")
    quick.attempt(root, ARGV)


@pytest.mark.parametrize("name", ["INVOKE_SANDBOX_NAME", "INVOKE_NETWORK_SANDBOX", "INVOKE_X"])
def test_not_with_other_variables(root: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "one")
    quick.attempt(root, ARGV)


def test_not_with_a_file_that_the_note_knows_nothing_of(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(quick.OTHER_FILE, "other.yaml")
    note = quick.Note(**json.loads((root / ".hostonly" / "quick.json").read_text()))
    quick.remember(root, replace(note, inputs=quick.inputs(root)))
    quick.attempt(root, ARGV)


def test_not_with_another_file_of_the_users(root: Path) -> None:
    (root / "home").mkdir()
    (root / "home" / ".invoke.yaml").write_text("sandbox:\n  name: one\n")
    quick.attempt(root, ARGV)


def test_not_without_the_connection(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedConnection, "ready", lambda self, generation: False)
    quick.attempt(root, ARGV)


@pytest.mark.parametrize("said", ["78\n", "-1\n", ""])
def test_not_with_a_sandbox_started_again(
    root: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, said, "")
    )
    quick.attempt(root, ARGV)


def test_not_by_another_route(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str, bridge: str) -> None:
        assert (address, bridge) == ("172.16.0.2", "hostonly0")
        raise Unreachable("it leaves by another interface")

    monkeypatch.setattr(quick, "require_host_only_route", refuse)
    quick.attempt(root, ARGV)


def test_what_is_edited_while_the_settings_are_read_is_in_no_note(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick, "_at_start", {})
    assert quick.inputs_at_start(root) is None
    (root / "invoke.yaml").write_text("sandbox:\n  name: two\n")
    quick.attempt(root, ARGV)
    began = quick.inputs_at_start(root)
    assert began == quick.inputs(root)
    (root / "invoke.yaml").write_text("sandbox:\n  name: three\n")
    assert quick.inputs_at_start(root) == began
    noted = json.loads((root / ".hostonly" / "quick.json").read_text())
    quick.remember(root, quick.Note(**{**noted, "inputs": began}))
    # The next call sees that the files are others than those the note is of.
    quick.attempt(root, ARGV)


def test_the_note_is_whole_or_not_at_all(root: Path) -> None:
    note = quick.Note("i", {}, "c", ["ssh"], "d")
    quick.remember(root, note)
    quick.remember(root, replace(note, container="2"))
    assert [file.name for file in (root / ".hostonly").iterdir() if file.is_file()] == [
        "quick.json"
    ]


def test_a_checkout_without_state_gets_none(tmp_path: Path) -> None:
    quick.remember(tmp_path, quick.Note("i", {}, "c", ["ssh"], "d"))
    assert not list(tmp_path.iterdir())
