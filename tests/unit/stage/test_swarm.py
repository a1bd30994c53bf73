"""An engine that is slower than its own limits on a swarm: who joins late, and who is attached late."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hostonly.checks.matrix import containers
from hostonly.stage.probes import start
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped
from hostonly.stage.swarm import join
from hostonly.stage.testbed import Testbed
from hostonly.testing import FakeVantage
from tests.unit.stage.played import Played

# What Docker 20.10 says where a node has not joined within its 20 s.
LATER = (
    "Error response from daemon: Timeout was reached before node joined. The attempt to join the swarm"
    ' will continue in the background. Use the "docker info" command to see the current swarm status of'
    " your node.\n"
)
ENGINE = {"ServerVersion": "20.10.24", "Driver": "overlay2", "KernelVersion": "6.1"}


class Node(FakeVantage):
    """A sandbox whose engine says ``answer`` when it is told to join, and is in ``states`` then, one
    look after the other, in the last of them for ever."""

    def __init__(self, name: str, answer: tuple[int, str] = (0, ""), *states: str) -> None:
        super().__init__(name=name)
        self.joining, self.states = answer, list(states)
        self.told = False

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        match argv:
            case ["docker", "swarm", "init", *_]:
                return 0, "docker swarm join --token SWMTKN-1-abc 172.16.0.2:2377\n", ""
            case ["docker", "swarm", "join", *_]:
                self.told = True
                return self.joining[0], "", self.joining[1]
            case ["docker", "info", "--format", "{{json .}}"]:
                swarm = "inactive"
                if self.told:
                    swarm = self.states[0] if len(self.states) == 1 else self.states.pop(0)
                return 0, json.dumps({**ENGINE, "Swarm": {"LocalNodeState": swarm}}), ""
            case ["docker", "info", *_]:
                return 0, "inactive\n", ""
            case _:
                return 0, "", ""


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hostonly.stage.wait.POLL_SECONDS", 0.0)


def joined(testbed: Testbed, second: Node) -> None:
    both = replace(testbed, sandbox=Node("sandbox"), second_sandbox=lambda: second)
    stage = Stage("overlay", both, lambda event: None)
    stage._second = second
    join(stage)


def test_one_that_joins_later_is_waited_for(testbed: Testbed) -> None:
    second = Node("sandbox2", (1, LATER), "pending", "pending", "active")
    joined(testbed, second)
    assert second.states == ["active"]


def test_who_has_joined_at_once_is_not_asked(testbed: Testbed) -> None:
    joined(testbed, Node("sandbox2", (0, "This node joined a swarm as a worker.\n")))


@pytest.mark.parametrize("state", ["error", "inactive", "locked"])
def test_one_that_cannot_join_is_not_waited_for(testbed: Testbed, state: str) -> None:
    with pytest.raises(Stopped, match="sandbox2 did not join the swarm"):
        joined(testbed, Node("sandbox2", (1, LATER), "pending", state))


def test_one_that_never_joins(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hostonly.stage.swarm.JOIN_SECONDS", 0.1)
    with pytest.raises(
        Stopped, match="waiting for sandbox2 to join the swarm: not within"
    ) as caught:
        joined(testbed, Node("sandbox2", (1, LATER), "pending"))
    assert "INVOKE_WAITING_PATIENCE=" in str(caught.value)


def test_another_failure_is_one(testbed: Testbed) -> None:
    refused = "Error response from daemon: invalid join token\n"
    with pytest.raises(Stopped, match="invalid join token"):
        joined(testbed, Node("sandbox2", (1, refused), "active"))


# What Docker 20.10 says where a manager has not let a container onto its network within 20 s.
NOT_ATTACHED = (
    "docker: Error response from daemon: attaching to network failed, make sure your network options are"
    " correct and check manager logs: context deadline exceeded.\n"
)


class Attaching(Played):
    """A sandbox whose engine starts a container at the third time, or never. One that it has made and not
    started it does not start (seen with Docker 20.10.24)."""

    def __init__(self, *, ever: bool = True) -> None:
        super().__init__()
        self.ever, self.started = ever, 0

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        if argv[:2] == ["docker", "start"]:
            return 1, "", "Error response from daemon: network hello-overlay not found\n"
        if argv[:2] != ["docker", "run"]:
            return super().answer(argv)
        assert "hello" not in self.containers, "its name is taken"
        self.containers["hello"] = {}
        self.started += 1
        return (0, "", "") if self.ever and self.started == 3 else (125, "id\n", NOT_ATTACHED)


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hostonly.waiting.time.sleep", lambda seconds: None)
    monkeypatch.setattr("hostonly.stage.probes.ATTACH_SECONDS", 0.2)


def on_overlay(testbed: Testbed, sandbox: Played, *, by: str) -> None:
    """Have a container started on an overlay network, by a demo or by the matrix."""
    stage = Stage("overlay", replace(testbed, sandbox=sandbox), lambda event: None)
    if by == "demo":
        start(stage, "hello", "overlay", "--network", "hello-overlay")
    else:
        containers.run_each(
            stage, sandbox, [["docker", "run", "--detach", "--name", "hello", "image"]]
        )


@pytest.mark.parametrize("by", ["demo", "matrix"])
def test_a_container_that_was_not_attached_in_time_is_made_again(
    testbed: Testbed, no_time: None, by: str
) -> None:
    sandbox = Attaching()
    on_overlay(testbed, sandbox, by=by)
    run = sandbox.ran[-1]
    assert run.startswith("docker run ")
    assert sandbox.ran[-5:] == [run, *["docker rm --force --volumes hello", run] * 2]


@pytest.mark.parametrize("by", ["demo", "matrix"])
def test_a_container_that_is_never_attached(testbed: Testbed, no_time: None, by: str) -> None:
    with pytest.raises(Stopped, match=r"hello did not start within 0.2 s") as caught:
        on_overlay(testbed, Attaching(ever=False), by=by)
    assert "context deadline exceeded" in caught.value.evidence[0].output
    assert "INVOKE_WAITING_PATIENCE=" in str(caught.value)
