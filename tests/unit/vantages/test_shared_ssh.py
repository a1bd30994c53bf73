"""The shared connection, as far as it goes without a sandbox: when it is not used."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

import pytest

from hostonly.errors import Unreachable
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


def test_a_path_that_is_too_long_is_gone_to_first(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * shared_ssh.LONGEST_PATH)
    deep.mkdir()
    shared = connection(deep)
    with contextlib.chdir(deep), listening(Path("sandbox.7.shared")):
        assert alive(shared.path("7"))
        there = ["env", f"--chdir={deep}", *NONE]
        path = ["-o", 'ControlPath="sandbox.7.shared"', "vagrant@192.0.2.1"]
        assert shared.argv("7") == [*there, *path]
    assert not alive(shared.path("7"))


def test_it_is_opened_where_the_sockets_are_by_short_names(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * shared_ssh.LONGEST_PATH)
    deep.mkdir()
    seen = tmp_path / "seen"
    said = ("sh", "-c", f'printf "%s\\n" "$PWD" "$@" >{seen}', "ssh")
    assert not connection(deep, said).ready("7")
    lines = seen.read_text().splitlines()
    assert lines[0] == str(deep)
    assert 'ControlPath="sandbox.7.shared"' in lines
    assert "./sandbox.7.engine:/var/run/docker.sock" in lines


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
    listening(shared.engine("7")).close()
    other = tmp_path / "sandbox2.7.shared"
    listening(other).close()
    shared.close()
    assert not shared.path("7").exists() and not shared.engine("7").exists()
    assert other.exists()


# --- the engine's socket


@pytest.fixture
def used(tmp_path: Path) -> SharedConnection:
    """A connection that is there, by a "ssh" that says who it is and lasts as long as its input."""
    said = ("sh", "-c", f"echo $$ >{tmp_path}/user; exec cat", "ssh")
    (tmp_path / "ssh").mkdir()
    return connection(tmp_path / "ssh", said)


def waited_for(file: Path) -> int:
    """The process id that is written there."""
    while not file.exists() or not file.read_text().endswith("\n"):
        time.sleep(0.01)
    return int(file.read_text())


def test_the_engines_socket_is_beside_the_connections_own(
    used: SharedConnection, tmp_path: Path
) -> None:
    with listening(used.path("7")), used.engine_socket("7", "hostonly-x-") as path:
        assert path == used.engine("7")
        user = waited_for(tmp_path / "user")
        # So that the connection does not end in the middle of a long pause.
        assert Path("/proc", str(user)).exists()
    assert not Path("/proc", str(user)).exists()


def test_a_long_path_is_gone_by_a_link_that_goes_with_it(
    used: SharedConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deep = tmp_path / ("d" * shared_ssh.LONGEST_PATH)
    deep.mkdir()
    shared = connection(deep, used.ssh)
    with contextlib.chdir(deep):
        connections, engine = (
            listening(Path("sandbox.7.shared")),
            listening(Path("sandbox.7.engine")),
        )
    with connections, engine, shared.engine_socket("7", "hostonly-x-") as path:
        assert path.is_symlink() and len(str(path)) <= shared_ssh.LONGEST_PATH
        assert path.parent.name.startswith("hostonly-x-")
        # As a program would that knows nothing of all this.
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
    assert not path.parent.exists()


def test_without_a_connection_there_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="engine"), connection(tmp_path).engine_socket("7", "x"):
        raise AssertionError("not reached")
