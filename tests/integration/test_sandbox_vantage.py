"""The sandbox vantage on a real sandbox: streams, time limits, and whose key is believed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hostonly.errors import Unreachable
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.vantages import NOT_FOUND, TIMED_OUT, Sandbox
from hostonly.vantages.sandbox import SESSIONS
from hostonly.waiting import until
from tests.integration.command_line import inv, up


@pytest.fixture
def machine(site: Site) -> Machine:
    up("sandbox")
    return Machine(site, lambda event: None)


@pytest.fixture
def sandbox(machine: Machine) -> Iterator[Sandbox]:
    with machine.vantage() as vantage:
        yield vantage


def test_streams_status_input_and_quoting(sandbox: Sandbox) -> None:
    result = sandbox.run(["sh", "-c", "cat; echo err >&2; exit 7"], stdin="grüße $HOME `id`\n")
    assert (result.exit, result.stdout, result.stderr) == (7, "grüße $HOME `id`\n", "err\n")
    assert sandbox.run(["printf", "%s|", "a b", "$HOME", "'", ""]).stdout == "a b|$HOME|'||"
    assert sandbox.run(["no-such-program"]).exit == NOT_FOUND


def test_a_timeout_keeps_what_was_printed_and_ends_the_command(sandbox: Sandbox) -> None:
    # Three seconds: on a busy machine a command takes its time to begin.
    result = sandbox.run(["sh", "-c", "echo begun; sleep 61; true"], timeout=3)
    assert (result.exit, result.stdout) == (TIMED_OUT, "begun\n")
    assert_ended(sandbox, "sleep 61")
    assert sandbox.run(["sudo", "sleep", "62"], timeout=3).exit == TIMED_OUT
    assert_ended(sandbox, "sleep 62")


def assert_ended(sandbox: Sandbox, command: str) -> None:
    """Nobody runs ``command`` any more: who was killed is seen for a moment still."""
    assert until(lambda: sandbox.run(["pgrep", "-fx", command]).exit == 1, bool, 10.0)


def test_several_threads_share_the_connection(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda n: sandbox.run(["echo", str(n)]).stdout, range(24))
    assert list(results) == [f"{number}\n" for number in range(24)]


def test_one_that_breaks_under_several_threads_is_said_and_the_next_have_another(
    sandbox: Sandbox,
) -> None:
    wait = ["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.1; done; echo gone"]

    def run(_: int) -> str:
        try:
            return sandbox.run(wait).stdout
        except Unreachable as error:
            return error.what

    def inside(*command: str) -> str:
        done = inv("sandbox.exec", "--", *command)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout.strip()

    inside("rm", "-f", "/tmp/go")
    try:
        with ThreadPoolExecutor(SESSIONS + 3) as pool:
            said = [pool.submit(run, number) for number in range(SESSIONS + 3)]
            at_work = until(
                lambda: inside("pgrep", "-cf", "^sh -c until .*echo gone"),
                str(SESSIONS).__eq__,
                20.0,
            )
            assert at_work == str(SESSIONS)
            broken = sandbox._connection
            assert broken is not None
            broken.close()
            inside("touch", "/tmp/go")
            outcomes = [each.result(timeout=60) for each in said]
    finally:
        inside("rm", "-f", "/tmp/go")
    # Those that ran are told; those that waited for their turn have a connection of their own.
    assert outcomes.count("gone\n") == 3, outcomes
    assert sum("the connection to sandbox broke" in each for each in outcomes) == SESSIONS


def test_a_large_output_arrives_whole(sandbox: Sandbox) -> None:
    result = sandbox.run(["sh", "-c", "seq 200000; seq 1000 >&2"])
    assert result.stdout.splitlines()[-1] == "200000" and len(result.stdout.splitlines()) == 200000
    assert len(result.stderr.splitlines()) == 1000


@pytest.mark.parametrize("known", ["", "other"])
def test_a_host_key_that_is_not_the_known_one_is_not_believed(
    machine: Machine, tmp_path: Path, known: str
) -> None:
    file = tmp_path / "known_hosts"
    if known:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True
        )
        public = (tmp_path / "key.pub").read_text().split()
        file.write_text(f"{machine.address} {public[0]} {public[1]}\n")
    else:
        file.write_text("")
    target = replace(machine.vantage().target, known_hosts=file)
    with pytest.raises(Unreachable):
        Sandbox(target, bridge=machine.site.bridge.name).run(["true"])


def test_nothing_is_sent_where_the_route_does_not_leave_by_the_bridge(machine: Machine) -> None:
    with pytest.raises(Unreachable, match="would leave by"):
        Sandbox(machine.vantage().target, bridge="another0").run(["true"])


def test_a_port_where_nobody_listens(machine: Machine) -> None:
    target = replace(machine.vantage().target, port=1)
    with pytest.raises(Unreachable, match="cannot be reached by ssh"):
        Sandbox(target, bridge=machine.site.bridge.name).run(["true"])
