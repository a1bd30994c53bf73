"""The shared connection, as far as it goes without a sandbox: when it is not used."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from hostonly.vantages import shared_ssh
from hostonly.vantages.shared_ssh import SharedConnection, alive

# A "ssh" that opens nothing.
NONE = ("false", "-x")


def connection(folder: Path, ssh: tuple[str, ...] = NONE) -> SharedConnection:
    return SharedConnection(folder, "sandbox", ssh, "vagrant@192.0.2.1")


def listening(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def test_without_one_the_command_line_opens_its_own(tmp_path: Path) -> None:
    assert connection(tmp_path).argv("1") == [*NONE, "vagrant@192.0.2.1"]


def test_one_that_answers_is_used(tmp_path: Path) -> None:
    shared = connection(tmp_path)
    with listening(shared.path("7")):
        argv = shared.argv("7")
    assert argv == [*NONE, "-o", f'ControlPath="{tmp_path}/sandbox.7.shared"', "vagrant@192.0.2.1"]


def test_one_of_an_earlier_start_is_not(tmp_path: Path) -> None:
    shared = connection(tmp_path)
    with listening(shared.path("7")):
        assert shared.argv("8") == [*NONE, "vagrant@192.0.2.1"]


def test_one_that_was_killed_is_not(tmp_path: Path) -> None:
    shared = connection(tmp_path)
    listening(shared.path("7")).close()
    assert shared.path("7").exists()
    assert not alive(shared.path("7"))
    assert shared.argv("7") == [*NONE, "vagrant@192.0.2.1"]


def test_a_path_that_no_socket_can_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing is opened")

    deep = tmp_path / ("d" * shared_ssh.LONGEST_PATH)
    deep.mkdir()
    monkeypatch.setattr(subprocess, "run", never)
    assert connection(deep).argv("1") == [*NONE, "vagrant@192.0.2.1"]


def test_spaces_and_percents_in_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "100% a"
    folder.mkdir()
    shared = connection(folder)
    with listening(shared.path("7")):
        argv = shared.argv("7")
    assert f'ControlPath="{tmp_path}/100%% a/sandbox.7.shared"' in argv


def test_closing_leaves_no_socket_and_none_of_another_sandbox(tmp_path: Path) -> None:
    shared = connection(tmp_path)
    listening(shared.path("7")).close()
    other = tmp_path / "sandbox2.7.shared"
    listening(other).close()
    shared.close()
    assert not shared.path("7").exists()
    assert other.exists()
