"""How a demo is run and cleared up after, on a sandbox that is played by a few dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

import pytest

from hostonly.claims import Judgement, Verdict, claim
from hostonly.demos import DEMOS
from hostonly.demos.demo import Demo, load, not_performed, perform
from hostonly.demos.leftovers import DEMO_LABEL, KEPT_LABEL
from hostonly.demos.stage import Stage
from hostonly.demos.testbed import BuiltImage, Testbed
from hostonly.errors import HostonlyError, Unreachable, UsageError
from hostonly.events import Event, Warned
from hostonly.facts import NotObserved, Observed
from hostonly.report.model import ClaimJudged, SandboxAbout, StepEnded, StepStarted
from hostonly.settings import Settings
from hostonly.vantages import Result, shown

IMAGE = BuiltImage("localhost:5000/hello-socket", "sha256:aa")
FREE = 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))\n'
HELD = 'LISTEN 0 128 0.0.0.0:8080 0.0.0.0:* users:(("nc",pid=99,fd=3))\n'


@claim("two.equal", "Two is two.", source="arithmetic")
def two_equal(*, two: int) -> Judgement:
    """Holds for 2."""
    return Judgement(two == 2, f"{two} was seen")


class Played:
    """A sandbox with containers by name, each with its labels; it notes what is run."""

    name = prompt = "sandbox"

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, str]] = {}
        self.listening = FREE
        self.named = IMAGE.id
        self.ran: list[str] = []
        self.refuse_removal = False
        self.networks = ""
        self.swarm = "inactive"

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        line = shown(argv)
        self.ran.append(line)
        exit, stdout, stderr = self._answer(list(argv))
        return Result("sandbox", "sandbox", line, exit, stdout, stderr, 0.0)

    def _answer(self, argv: list[str]) -> tuple[int, str, str]:
        match argv:
            case ["docker", "run", *options]:
                marks = [options[i + 1] for i, word in enumerate(options) if word == "--label"]
                name = options[options.index("--name") + 1]
                if name in self.containers:
                    return 125, "", f'docker: Conflict. The container name "/{name}" is in use\n'
                self.containers[name] = dict(mark.split("=") for mark in marks)
                return 0, "id\n", ""
            case ["docker", "ps", "-a", *_]:
                lines = [
                    f"{name} {marks[DEMO_LABEL]} {marks.get(KEPT_LABEL, '')}"
                    for name, marks in self.containers.items()
                    if DEMO_LABEL in marks
                ]
                return 0, "".join(f"{line}\n" for line in lines), ""
            case ["docker", "rm", "--force", "--volumes", *names]:
                if self.refuse_removal:
                    return 1, "", "Error response from daemon: device or resource busy\n"
                for name in names:
                    del self.containers[name]
                return 0, "", ""
            case ["docker", "network", "ls", *_]:
                return 0, self.networks, ""
            case ["docker", "network", "rm", *_]:
                self.networks = ""
                return 0, "", ""
            case ["docker", "swarm", "leave", "--force"]:
                self.swarm = "inactive"
                return 0, "", ""
            case ["docker", "info", *_]:
                return 0, f"{self.swarm}\n", ""
            case ["docker", "image", "inspect", *_]:
                return 0, f"{self.named}\n", ""
            case ["sudo", "ss", *_]:
                return 0, self.listening, ""
            case ["false"]:
                return 1, "", "it went wrong\n"
            case ["interrupted"]:
                raise KeyboardInterrupt
            case ["gone"]:
                raise Unreachable("the connection to sandbox broke")
            case _:
                return 0, "", ""


@pytest.fixture
def sandbox() -> Played:
    return Played()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def testbed(settings: Settings, sandbox: Played) -> Testbed:
    about = SandboxAbout("hostonly", "lxc", "172.16.0.2", "20.10.24")
    return Testbed(settings, sandbox, sandbox, about, IMAGE, lambda: sandbox)


def demo(run: Callable[[Stage], None]) -> Demo:
    return Demo("host", "a demo", run)


def start(stage: Stage, name: str = "hello") -> None:
    stage.step(stage.sandbox, "docker", "run", "-d", "--name", name, *stage.labels, stage.image)


def holds(stage: Stage) -> None:
    start(stage)
    stage.judge(two_equal, two=Observed(2, ()))


def test_steps_and_claims_in_order(testbed: Testbed, events: list[Event]) -> None:
    result = perform(demo(holds), testbed, events.append)
    assert result.verdict is Verdict.HOLDS
    assert [step.command for step in result.steps] == [
        "docker run -d --name hello --label hostonly.demo=host localhost:5000/hello-socket",
        "docker rm --force --volumes hello",
    ]
    kinds = [type(event) for event in events]
    assert kinds == [StepStarted, StepEnded, ClaimJudged, StepStarted, StepEnded]


def test_nothing_is_left(testbed: Testbed, sandbox: Played, events: list[Event]) -> None:
    perform(demo(holds), testbed, events.append)
    assert sandbox.containers == {}


@pytest.mark.parametrize("last", ["false", "gone"])
def test_a_step_that_fails_ends_the_demo_and_is_cleared_up_after(
    testbed: Testbed, sandbox: Played, events: list[Event], last: str
) -> None:
    def run(stage: Stage) -> None:
        start(stage)
        stage.judge(two_equal, two=Observed(2, ()))
        stage.step(stage.sandbox, last)
        raise AssertionError("not reached")

    result = perform(demo(run), testbed, events.append)
    assert result.verdict is Verdict.UNKNOWN
    assert [c.id for c in result.claims] == ["two.equal", "demo.steps"]
    why = "it went wrong" if last == "false" else "connection to sandbox broke"
    assert why in result.claims[-1].because
    assert sandbox.containers == {}


def test_a_step_that_may_fail_does_not_end_it(testbed: Testbed, events: list[Event]) -> None:
    def run(stage: Stage) -> None:
        assert stage.step(stage.sandbox, "false", may_fail=True).exit == 1
        holds(stage)

    assert perform(demo(run), testbed, events.append).verdict is Verdict.HOLDS


def test_a_claim_that_fails_counts_more_than_one_unknown(
    testbed: Testbed, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        stage.judge(two_equal, two=Observed(3, ()))
        stage.judge(two_equal, two=NotObserved("nobody looked"))

    result = perform(demo(run), testbed, events.append)
    assert [c.verdict for c in result.claims] == [Verdict.FAILS, Verdict.UNKNOWN]
    assert result.verdict is Verdict.FAILS


def test_a_demo_without_claims_holds_nothing(testbed: Testbed, events: list[Event]) -> None:
    assert perform(demo(start), testbed, events.append).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("keep", [False, True])
def test_an_interrupt_is_cleared_up_after_and_handed_on(
    testbed: Testbed,
    sandbox: Played,
    events: list[Event],
    keep: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hostonly.demos.demo.SETTLE_SECONDS", 0.0)

    def run(stage: Stage) -> None:
        holds(stage)
        stage.step(stage.sandbox, "interrupted")

    result = perform(demo(run), testbed, events.append, keep=keep)
    assert isinstance(result.interrupt, KeyboardInterrupt)
    assert result.verdict is Verdict.UNKNOWN
    assert sandbox.containers == {}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_clearing_up_that_is_interrupted_is_begun_again(
    testbed: Testbed,
    sandbox: Played,
    events: list[Event],
    times: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hostonly.demos.demo.SETTLE_SECONDS", 0.0)
    interrupts = [KeyboardInterrupt(str(number)) for number in range(times)]
    answer = sandbox._answer

    def interrupted(argv: list[str]) -> tuple[int, str, str]:
        if argv[:2] == ["docker", "rm"] and interrupts:
            raise interrupts.pop(0)
        return answer(argv)

    monkeypatch.setattr(sandbox, "_answer", interrupted)
    if times == 3:
        # Who insists is obeyed.
        with pytest.raises(KeyboardInterrupt, match="0"):
            perform(demo(holds), testbed, events.append)
        assert sandbox.containers
        return
    result = perform(demo(holds), testbed, events.append)
    assert isinstance(result.interrupt, KeyboardInterrupt) and str(result.interrupt) == "0"
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


def test_what_cannot_be_removed_is_no_success(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.refuse_removal = True
    result = perform(demo(holds), testbed, events.append)
    assert result.verdict is Verdict.UNKNOWN
    assert "device or resource busy" in result.claims[-1].because


def test_keep_leaves_it_and_says_how_to_remove_it(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    result = perform(demo(holds), testbed, events.append, keep=True)
    assert list(sandbox.containers) == ["hello"]
    assert result.kept == ("docker rm --force --volumes hello",)
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


def test_a_port_that_is_held_stops_the_demo_and_nothing_is_ended(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.listening = HELD

    def run(stage: Stage) -> None:
        stage.require_free_port(8080)
        holds(stage)

    result = perform(demo(run), testbed, events.append)
    assert result.verdict is Verdict.UNKNOWN
    assert "port 8080 on the sandbox is held by nc (pid 99)" in result.claims[0].because
    assert result.claims[0].evidence[0].stdout == HELD
    assert not any(line.startswith(("docker run", "kill", "sudo kill")) for line in sandbox.ran)


def test_readiness_is_seen_and_not_slept_for(testbed: Testbed, sandbox: Played) -> None:
    stage = Stage("host", testbed, lambda event: None)
    sandbox.listening = HELD
    stage.wait_for_listener(8080)
    sandbox.listening = FREE
    with pytest.raises(HostonlyError, match="not within 0 s"):
        stage.wait_until(lambda: Observed(0, ()), bool, "waiting", seconds=0.0)
    with pytest.raises(HostonlyError, match="not observed: blind"):
        stage.wait_until(lambda: NotObserved("blind"), bool, "waiting")


def test_a_tag_that_names_another_image_is_not_what_runs(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.named = "sha256:bb"
    result = perform(demo(holds), testbed, events.append)
    assert result.steps[0].command.endswith(" sha256:aa")
    assert any(isinstance(event, Warned) and "no longer names" in event.what for event in events)


def test_without_a_sandbox_there_is_a_result_too(settings: Settings) -> None:
    result = not_performed(demo(holds), settings, HostonlyError("no room on the disk"))
    assert result.verdict is Verdict.UNKNOWN
    assert "no room on the disk" in result.claims[0].because
    assert result.sandbox.address == "172.16.0.2"


@pytest.mark.parametrize("name", list(DEMOS))
def test_every_demo_can_be_loaded(name: str) -> None:
    loaded = load(name)
    module = import_module(loaded.run.__module__)
    assert module.__doc__ and loaded.run.__doc__
    assert loaded.summary and not loaded.summary.endswith(".")


def test_a_demo_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="there is no demo 'hosts'"):
        load("hosts")


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


def test_a_skipped_claim_keeps_what_shows_the_missing_capability(
    testbed: Testbed, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        tried = stage.step(stage.sandbox, "false", may_fail=True)
        stage.skip(two_equal, "this kernel has no two", evidence=(tried,))

    result = perform(demo(run), testbed, events.append)
    assert result.verdict is Verdict.SKIPPED
    assert [r.command for r in result.claims[0].evidence] == ["false"]


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
    assert sandbox.ran[-1] == "docker network rm docker_gwbridge"
    assert (sandbox.swarm, sandbox.networks) == ("inactive", "")


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
        stage.clear()
        assert sandbox.containers == {}

    result = perform(demo(run), testbed, events.append)
    assert [step.command for step in result.steps[1:]] == ["docker rm --force --volumes hello"]
