"""How a demo is cleared up after: also when it fails, is interrupted, or was killed before."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from hostonly.claims import Verdict
from hostonly.demos import load
from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.events import Event, Warned
from hostonly.report.progress import Follower
from hostonly.report.terminal import Terminal
from hostonly.stage.demo import perform
from hostonly.stage.leftovers import DEMO_LABEL, KEPT_LABEL
from hostonly.stage.stage import Stage
from hostonly.stage.testbed import Testbed
from tests.unit.stage.played import Played, demo, holds, start


def test_nothing_is_left(testbed: Testbed, sandbox: Played, events: list[Event]) -> None:
    perform(demo(holds), testbed, events.append)
    assert sandbox.containers == {}


@pytest.mark.parametrize("keep", [False, True])
def test_an_interrupt_is_cleared_up_after_and_handed_on(
    testbed: Testbed,
    sandbox: Played,
    events: list[Event],
    keep: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hostonly.stage.demo.SETTLE_SECONDS", 0.0)

    def run(stage: Stage) -> None:
        holds(stage)
        stage.step(stage.sandbox, "interrupted")

    result = perform(demo(run), testbed, events.append, keep=keep)
    assert isinstance(result.trouble, KeyboardInterrupt)
    assert result.verdict is Verdict.UNKNOWN
    assert sandbox.containers == {}


class Head(io.StringIO):
    """A pipe whose reader goes away after some lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.lines = lines

    def write(self, text: str) -> int:
        if self.lines == 0:
            raise BrokenPipeError
        self.lines -= 1
        return super().write(text)


@pytest.mark.parametrize("lines", range(7))
@pytest.mark.parametrize("beside", [False, True])
def test_a_reader_that_goes_away_leaves_nothing(
    testbed: Testbed, sandbox: Played, lines: int, beside: bool
) -> None:
    """At whatever line, also one of the clearing up; beside a document it is not even missed."""
    terminal = Terminal(Head(lines), Follower(), beside=beside)
    try:
        read = perform(demo(holds), testbed, terminal).verdict is Verdict.HOLDS
    except BrokenPipeError:
        read = False
    assert read == (beside or lines >= 5)
    assert sandbox.containers == {}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_clearing_up_that_is_interrupted_is_begun_again(
    testbed: Testbed,
    sandbox: Played,
    events: list[Event],
    times: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hostonly.stage.demo.SETTLE_SECONDS", 0.0)
    interrupts = [KeyboardInterrupt(str(number)) for number in range(times)]
    answer = sandbox.answer

    def interrupted(argv: list[str]) -> tuple[int, str, str]:
        if argv[:2] == ["docker", "rm"] and interrupts:
            raise interrupts.pop(0)
        return answer(argv)

    monkeypatch.setattr(sandbox, "answer", interrupted)
    if times == 3:
        # Who insists is obeyed.
        with pytest.raises(KeyboardInterrupt, match="0"):
            perform(demo(holds), testbed, events.append)
        assert sandbox.containers
        return
    result = perform(demo(holds), testbed, events.append)
    assert isinstance(result.trouble, KeyboardInterrupt) and str(result.trouble) == "0"
    assert (sandbox.containers, result.verdict) == ({}, Verdict.UNKNOWN)


def test_a_mistake_in_a_demo_is_raised_after_clearing_up(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        start(stage)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        perform(demo(run), testbed, events.append)
    assert sandbox.containers == {}


def test_exits_run_last_made_first_and_before_the_containers_go(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        stage.on_exit(stage.sandbox, "undo", "1")
        stage.on_exit(stage.sandbox, "gone")
        stage.on_exit(stage.sandbox, "undo", "2")
        holds(stage)

    result = perform(demo(run), testbed, events.append)
    ends = [line for line in sandbox.ran if line.startswith(("undo", "gone", "docker rm"))]
    assert ends == ["undo 2", "gone", "undo 1", "docker rm --force --volumes hello"]
    # One of them could not be tried, and that is not kept quiet.
    assert [c.id for c in result.claims if c.verdict is Verdict.UNKNOWN] == ["demo.cleanup"]


def test_after_an_interrupt_everything_is_undone_twice(
    testbed: Testbed, sandbox: Played, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was interrupted may have its effect, or be reachable again, only after the first time."""
    monkeypatch.setattr("hostonly.stage.demo.SETTLE_SECONDS", 0.0)
    answer, breaks = sandbox.answer, [Unreachable("the connection to sandbox broke")]

    def broken_once(argv: list[str]) -> tuple[int, str, str]:
        if argv == ["undo"] and breaks:
            raise breaks.pop()
        return answer(argv)

    monkeypatch.setattr(sandbox, "answer", broken_once)

    def run(stage: Stage) -> None:
        stage.on_exit(stage.sandbox, "undo")
        stage.step(stage.sandbox, "interrupted")

    result = perform(demo(run), testbed, events.append)
    assert [step.command for step in result.steps] == ["undo"]
    assert sandbox.ran.count("undo") == 2
    assert "connection to sandbox broke" in result.claims[0].because


def test_what_cannot_be_removed_is_no_success(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.refuse_removal = True
    result = perform(demo(holds), testbed, events.append)
    assert result.verdict is Verdict.UNKNOWN
    assert "device or resource busy" in result.claims[-1].because


def test_what_cannot_be_removed_does_not_keep_the_rest(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        sandbox.networks = "other host \n"
        holds(stage)

    sandbox.refuse_removal = True
    perform(demo(run), testbed, events.append)
    assert "docker network rm other" in sandbox.ran


def test_keep_leaves_it_and_says_how_to_remove_it(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    result = perform(demo(holds), testbed, events.append, keep=True)
    assert list(sandbox.containers) == ["hello"]
    assert result.kept == ("./inv sandbox.exec -- docker rm --force --volumes hello",)
    assert result.verdict is Verdict.HOLDS


def test_leftovers_are_removed_by_the_label_only_and_said(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.containers = {
        "theirs": {},
        "killed": {DEMO_LABEL: "publish"},
        "hello": {DEMO_LABEL: "host", KEPT_LABEL: "yes"},
        "looked-at": {DEMO_LABEL: "publish", KEPT_LABEL: "yes"},
    }
    assert perform(demo(holds), testbed, events.append).verdict is Verdict.HOLDS
    assert list(sandbox.containers) == ["theirs", "looked-at"]
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert "killed" in warned.what and "hello" in warned.what and "theirs" not in warned.what


def test_somebody_elses_container_of_the_same_name_stays(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.containers = {"hello": {}}
    result = perform(demo(holds), testbed, events.append)
    assert result.verdict is Verdict.UNKNOWN and "Conflict" in result.claims[0].because
    assert sandbox.containers == {"hello": {}}


def test_what_was_undone_in_the_story_is_not_undone_again(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        stage.on_exit(stage.sandbox, "undo", "1")
        stage.on_exit(stage.sandbox, "undo", "2")
        stage.undo()
        holds(stage)

    result = perform(demo(run), testbed, events.append)
    assert [line for line in sandbox.ran if line.startswith("undo")] == ["undo 2", "undo 1"]
    assert result.steps[0].command == "undo 2"


def test_what_could_not_be_undone_is_tried_again_at_the_end(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        stage.on_exit(stage.sandbox, "false")
        stage.undo()

    result = perform(demo(run), testbed, events.append)
    assert sandbox.ran.count("false") == 2
    assert "it went wrong" in result.claims[0].because


def test_a_swarm_is_left_before_its_networks_go_and_after_its_containers(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        sandbox.networks = "docker_gwbridge host \n"
        sandbox.swarm = "active"
        holds(stage)

    assert perform(demo(run), testbed, events.append).verdict is Verdict.HOLDS
    assert [line for line in sandbox.ran if line.startswith(("docker rm", "docker swarm"))] == [
        "docker rm --force --volumes hello",
        "docker swarm leave --force",
    ]
    removed = [line for line in sandbox.ran if line.startswith("docker network rm")]
    assert removed == ["docker network rm docker_gwbridge"]
    assert not any("systemctl" in line for line in sandbox.ran)
    assert (sandbox.swarm, sandbox.networks) == ("inactive", "")


# What Docker 20.10 says on a machine that is too slow for it: of its node, and of a network whose last container it
# is yet to take away.
LATE = (1, "", "Error response from daemon: context deadline exceeded\n")
IN_USE = (
    1,
    "other\n",
    "network docker_gwbridge id 60f8 has active endpoints\n",
)


class Slow(Played):
    """A sandbox in a swarm of ours whose engine gives these answers to a command, the last of them for
    ever, and then does it."""

    def __init__(self, command: str, *answers: tuple[int, str, str]) -> None:
        super().__init__()
        self.command, self.given = command, list(answers)
        self.networks, self.swarm = "docker_gwbridge host \nother host \n", "active"

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        if " ".join(argv).startswith(self.command):
            code, out, err = self.given.pop(0) if len(self.given) > 1 else self.given[0]
            if code != 0:
                return code, out, err
        return super().answer(argv)


def told(sandbox: Slow, testbed: Testbed) -> list[str]:
    """Clear up after the demo; what the engine was told of the command that it is slow with."""
    Stage("host", replace(testbed, sandbox=sandbox), lambda event: None).clearing.remove_labelled()
    return [line for line in sandbox.ran if line.startswith(sandbox.command)]


DONE = (0, "", "")
RESTART = "sudo systemctl restart docker"


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hostonly.waiting.time.sleep", lambda seconds: None)


def test_an_engine_that_takes_longer_to_leave_is_told_again(
    testbed: Testbed, no_pause: None
) -> None:
    leaving = Slow("docker swarm leave", LATE, LATE, DONE)
    assert told(leaving, testbed) == ["docker swarm leave --force"] * 3
    assert (leaving.swarm, leaving.networks) == ("inactive", "")


def test_a_network_that_is_let_go_of_later_is_waited_for(testbed: Testbed, no_pause: None) -> None:
    slow = Slow("docker network rm", IN_USE, IN_USE, DONE)
    assert told(slow, testbed) == [
        "docker network rm docker_gwbridge other",
        # The other one has gone at the first time.
        "docker network rm docker_gwbridge",
        "docker network rm docker_gwbridge",
    ]
    assert RESTART not in slow.ran


def test_an_engine_that_never_lets_go_of_its_swarms_network_is_restarted(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostonly.stage.gossip.SECONDS", 0.0)
    slow = Slow("docker network rm", IN_USE, IN_USE, DONE)
    assert len(told(slow, testbed)) == 3
    assert slow.ran.count(RESTART) == 1
    # Not where that would end somebody's containers.
    theirs = Slow("docker network rm", IN_USE)
    theirs.containers = {"theirs": {}}
    with pytest.raises(
        HostonlyError, match="still holds docker_gwbridge; a restart would end theirs"
    ):
        told(theirs, testbed)
    assert RESTART not in theirs.ran


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("docker swarm leave", LATE),
        ("docker swarm leave", (1, "", "no quorum\n")),
        # Somebody has put a container of theirs into another one.
        ("docker network rm", (1, "", "network other id 1 has active endpoints\n")),
    ],
)
def test_what_does_not_go_by_waiting_is_said(
    testbed: Testbed,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    answer: tuple[int, str, str],
) -> None:
    monkeypatch.setattr("hostonly.stage.clearing.LEAVE_SECONDS", 0.0)
    slow = Slow(command, answer)
    with pytest.raises(ToolFailed, match=answer[2].strip()) as caught:
        told(slow, testbed)
    assert len([line for line in slow.ran if line.startswith(command)]) == 1
    assert RESTART not in slow.ran
    assert ("INVOKE_WAITING_PATIENCE=" in str(caught.value)) == (answer is LATE)


@pytest.mark.parametrize("networks", ["", "hello-net host \n"])
def test_a_swarm_without_our_mark_is_left_alone(
    testbed: Testbed, sandbox: Played, events: list[Event], networks: str
) -> None:
    sandbox.networks, sandbox.swarm = networks, "active"
    perform(demo(holds), testbed, events.append)
    assert sandbox.swarm == "active"
    assert not any(line.startswith("docker swarm") for line in sandbox.ran)


def test_what_was_cleared_in_the_story_is_not_cleared_again(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        holds(stage)
        stage.clearing.remove_labelled()
        assert sandbox.containers == {}

    result = perform(demo(run), testbed, events.append)
    assert [step.command for step in result.steps[1:]] == ["docker rm --force --volumes hello"]


FORGET = "sudo ip neigh flush to 172.16.0.254"


def test_an_address_that_is_given_up_is_forgotten(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    """Once the container is gone; of the host-only network alone, and on the host on its bridge alone."""
    host = Played()
    sandbox.addresses = {"hello": "172.17.0.2 invalid IP 172.16.0.254 172.16.0.254"}
    result = perform(demo(holds), replace(testbed, host=host), events.append)
    assert result.verdict is Verdict.HOLDS
    assert sandbox.ran[-2:] == ["docker rm --force --volumes hello", FORGET]
    assert host.ran == [f"{FORGET} dev hostonly0"]


def test_what_a_killed_demo_had_is_forgotten_when_it_is_removed(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.containers = {"killed": {DEMO_LABEL: "macvlan"}}
    sandbox.addresses = {"killed": "172.16.0.254"}
    perform(demo(holds), testbed, events.append)
    removed = sandbox.ran.index("docker rm --force --volumes killed")
    assert sandbox.ran[removed + 1 : removed + 3] == [FORGET, f"{FORGET} dev hostonly0"]


def test_what_is_kept_says_how_its_address_is_given_up(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.addresses = {"hello": "172.16.0.254"}
    host = Played("host")
    result = perform(demo(holds), replace(testbed, host=host), events.append, keep=True)
    removal, *forget = result.kept
    assert removal.endswith("docker rm --force --volumes hello")
    assert forget == [f"./inv sandbox.exec -- {FORGET}", f"{FORGET} dev hostonly0"]


def test_ipvlan_forgets_before_its_container_and_after(
    testbed: Testbed, sandbox: Played, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its container has the sandbox's MAC, where another's was known a minute before."""
    monkeypatch.setattr("hostonly.demos.ipvlan.wait_for_hello", lambda *_: None)
    host, second = Played(), Played()
    second.neighbours = [{"dst": "172.16.0.254", "dev": "eth1", "state": ["FAILED"]}]
    sandbox.addresses = {"hello": "172.16.0.254"}
    beds = replace(testbed, host=host, second_sandbox=lambda: second)
    perform(load("ipvlan"), beds, events.append)
    ran = [
        line
        for line in sandbox.ran
        if line == FORGET or line.startswith(("docker run", "docker rm"))
    ]
    assert [line.split(" -")[0] for line in ran] == [FORGET, "docker run", "docker rm", FORGET]
    assert second.ran.count(FORGET) == 2
    assert host.ran.count(f"{FORGET} dev hostonly0") == 2
