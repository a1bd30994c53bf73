"""Waiting follows what is going on; a limit that strikes says which it was, and how to raise it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostonly import waiting
from hostonly.checks.matrix import containers
from hostonly.checks.matrix.modes import MODES
from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.events import Event, Started, Warned
from hostonly.facts import NotObserved, Observed, observe, question
from hostonly.facts.batch import run_at_once
from hostonly.facts.reach import reach
from hostonly.flock import Lock
from hostonly.hello.conformance.subject import says_nothing
from hostonly.host.command import run
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped
from hostonly.stage.testbed import Testbed
from hostonly.stage.watch import vxlan_watched
from hostonly.testing import FakeVantage
from hostonly.vantages import TIMED_OUT, Host, Result
from hostonly.waiting import VARIABLE, limit, more_patience, retry, set_patience, until
from tests.unit.sites import at

# The way to say how a limit is raised.
RAISED = f"{VARIABLE}=4 (now 1)"


@pytest.fixture(autouse=True)
def one_patience() -> Iterator[None]:
    before = limit(1)
    set_patience(1)
    yield
    set_patience(round(before))


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    return clock


def test_what_is_there_is_not_waited_for(clock: Clock) -> None:
    assert until(lambda: 3, lambda seen: seen == 3, 60.0) == 3
    assert clock.slept == []


def test_it_goes_on_in_the_moment_when_it_is_there(clock: Clock) -> None:
    assert until(lambda: clock.now, lambda now: now >= 1005.0, 60.0, pause=0.5) == 1005.0
    assert clock.slept == [0.5] * 10


@pytest.mark.parametrize(("patience", "seconds"), [(1, 8.0), (5, 40.0)])
def test_what_does_not_come_is_not_waited_for_for_ever(
    clock: Clock, patience: int, seconds: float
) -> None:
    set_patience(patience)
    assert until(lambda: "last", lambda seen: False, 8.0, pause=1.0) == "last"
    assert clock.now - 1000.0 == seconds


def test_it_is_looked_once_at_least(clock: Clock) -> None:
    assert until(lambda: clock.now, lambda seen: False, 0.0) == 1000.0
    assert clock.slept == []


def test_what_will_pass_is_tried_again(clock: Clock) -> None:
    def act() -> float:
        if clock.now < 1003.0:
            raise ToolFailed("busy")
        return clock.now

    assert retry(act, lambda error: isinstance(error, ToolFailed), 60.0, pause=1.0) == 1003.0
    assert clock.slept == [1.0] * 3


@pytest.mark.parametrize(("passing", "seconds"), [(True, 5.0), (False, 0.0)])
def test_what_does_not_pass_is_raised(clock: Clock, passing: bool, seconds: float) -> None:
    def act() -> None:
        raise ToolFailed("busy")

    with pytest.raises(ToolFailed, match="busy"):
        retry(act, lambda error: passing, 5.0, pause=1.0)
    assert clock.now - 1000.0 == seconds


def test_a_next_step_is_more_than_now() -> None:
    assert RAISED in more_patience()
    set_patience(30)
    assert f"{VARIABLE}=100 (now 30)" in more_patience()


@pytest.mark.parametrize(
    ("said", "factor"), [("7", 7), ("", 1), ("0", 1), ("101", 1), ("x", 1), ("²", 1)]
)
def test_before_there_are_settings_the_variable_counts(said: str, factor: int) -> None:
    """What is wrong in it is refused by whoever reads the settings."""
    code = "from hostonly.waiting import limit; print(limit(1))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={VARIABLE: said}, capture_output=True, text=True
    )
    assert done.stdout == f"{factor}\n", done.stderr


# --- each limit says which it was


def test_a_command_of_the_host() -> None:
    with pytest.raises(ToolFailed, match=r"sleep took longer than 0.1 s and was ended") as caught:
        run(["sleep", "60"], timeout=0.1)
    assert RAISED in str(caught.value)
    set_patience(2)
    with pytest.raises(ToolFailed, match=r"longer than 0.2 s"):
        run(["sleep", "60"], timeout=0.1)


def test_a_command_at_a_vantage() -> None:
    slow = question(["sh", "-c", "echo said; sleep 60"], str, timeout=1.0)
    fact = observe(Host(), slow)
    assert isinstance(fact, NotObserved)
    begin = r"`sh -c 'echo said; sleep 60'` was given up after \d+ s: said"
    assert re.match(begin, fact.because), fact.because
    assert RAISED in fact.because


def test_patience_is_taken_by_a_vantage() -> None:
    set_patience(100)
    assert Host().run(["sleep", "0.3"], timeout=0.1).ok


def test_many_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vantage is gone before it has told of all its commands."""
    late = Result("host", "host", "sh", TIMED_OUT, "0 exit 0 1.0 2.0\n", "", 70.0)
    monkeypatch.setattr(Host, "run", lambda *_, **more: late)
    with pytest.raises(Unreachable, match=r"of 1 of 2 commands within 70 s") as caught:
        run_at_once(Host(), [["true"], ["true"]], timeout=10.0)
    assert RAISED in str(caught.value)


def test_one_of_many_that_has_to_be_killed_has_outlived_its_limit() -> None:
    """It is no failure of its own, as of one that somebody else killed."""
    stubborn = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
    late, killed = run_at_once(Host(), [stubborn, ["sh", "-c", "kill -KILL $$"]], timeout=1.0)
    assert (late.exit, killed.exit) == (TIMED_OUT, 137)
    assert RAISED in late.failure
    assert "exited with 137" in killed.failure


def test_a_probe_is_as_patient_as_everything_else() -> None:
    """On a slow machine silence for two seconds says nothing."""
    assert reach("172.16.0.2", 80).argv == ("nc", "-nv", "-w", "2", "172.16.0.2", "80")
    set_patience(10)
    assert reach("172.16.0.2", 80).argv == ("nc", "-nv", "-w", "20", "172.16.0.2", "80")


def test_a_server_of_the_conformance_suite() -> None:
    set_patience(2)
    assert says_nothing().startswith("it has said nothing 40 s after its start")
    assert VARIABLE in says_nothing()


def test_a_sandbox_that_does_not_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    machine = Machine(site, lambda event: None)
    answers = iter([1] * 20 + [0])
    monkeypatch.setattr(Machine, "_asked", lambda self: next(answers))
    assert machine.ready(300.0), "it came late, and was waited for"
    monkeypatch.setattr(Machine, "_asked", lambda self: 1)
    assert not machine.ready(300.0)
    assert clock.now - 1000.0 >= 300.0


# --- demos and checks


@pytest.fixture
def here(site: Site) -> Testbed:
    from hostonly.results.judged import SandboxAbout
    from tests.unit.stage.played import IMAGE, Played

    sandbox = Played()
    about = SandboxAbout("hostonly", "lxc", "172.16.0.2", "20.10.24")
    return Testbed(site, sandbox, sandbox, about, IMAGE, lambda: sandbox)


def test_what_a_demo_waits_for(here: Testbed, clock: Clock) -> None:
    stage = Stage("host", here, lambda event: None)
    with pytest.raises(Stopped, match="waiting for it: not within 300 s") as caught:
        stage.wait_until(lambda: Observed(0, ()), bool, "waiting for it")
    assert RAISED in str(caught.value)


def test_where_a_claim_decides_the_limit_is_a_warning(here: Testbed, clock: Clock) -> None:
    events: list[Event] = []
    stage = Stage("host", here, events.append)
    seen = iter([0, 0, 1])
    fact = stage.settle(lambda: Observed(next(seen), ()), bool, "waiting for it")
    assert isinstance(fact, Observed) and fact.value == 1
    assert events == [Started("waiting for it")]
    events.clear()
    fact = stage.settle(lambda: Observed(0, ()), bool, "waiting for it", seconds=7.0)
    assert isinstance(fact, Observed) and fact.value == 0
    assert events == [
        Started("waiting for it"),
        Warned(f"waiting for it: not within 7 s. {more_patience()}"),
    ]
    events.clear()
    assert stage.settle(lambda: NotObserved("blind"), bool, "waiting") == NotObserved("blind")
    assert stage.settle(lambda: Observed(1, ()), bool, "waiting") == Observed(1, ())
    assert events == [], "what is there is not waited for"


def test_a_step_that_does_not_end(here: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hostonly.stage.stage.STEP_SECONDS", 0.2)
    stage = Stage("host", here, lambda event: None)
    with pytest.raises(Stopped, match="`sleep 60` was given up after 0 s") as caught:
        stage.step(Host(), "sleep", "60")
    assert RAISED in str(caught.value)


def test_servers_of_the_matrix(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    seen = {mode.name: Observed((), ()) for mode in MODES[:2]}
    monkeypatch.setattr(containers, "observe_all", lambda sandbox, questions: seen)
    servers = [(mode, 1, 8080) for mode in MODES[:2]]
    names = ", ".join(mode.container for mode in MODES[:2])
    with pytest.raises(Stopped, match=f"does not listen within 300 s in {names}") as caught:
        containers.wait_for_listeners(Host(), servers)
    assert RAISED in str(caught.value)


class Watching(FakeVantage):
    """Where tcpdump is at work until it has seen enough, or for its time."""

    def __init__(self, seconds: float, over: Callable[[], bool]) -> None:
        super().__init__()
        self.seconds, self.over = seconds, over

    def answer(self, argv: list[str]) -> str | Result:
        if "ss" in argv:
            return '(("tcpdump",'
        while not self.over():
            time.sleep(0.01)
        return Result("sandbox", "sandbox", "tcpdump", 0, "", "", self.seconds)


@pytest.mark.parametrize(
    ("seconds", "early", "observed"), [(60.0, True, False), (3.0, True, True), (60.0, False, True)]
)
def test_who_stopped_watching_too_early_has_not_seen_that_nothing_passed(
    here: Testbed, seconds: float, early: bool, observed: bool
) -> None:
    """Early: before what was to be watched was over, and by time, not because enough was seen."""
    acted = False

    def act() -> None:
        nonlocal acted
        if early:
            time.sleep(0.3)
        acted = True

    stage = Stage("host", here, lambda event: None)
    _, [fact] = vxlan_watched(stage, [Watching(seconds, lambda: early or acted)], act)
    assert isinstance(fact, Observed) == observed
    if isinstance(fact, NotObserved):
        assert "watching ended after 60 s, before the connections were over" in fact.because
        assert RAISED in fact.because


def test_a_lock(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hostonly.ownership import lock

    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(lock, "NAMED_SECONDS", 0.0)
    ours = at(site, tmp_path)
    ours.state.mkdir()
    held = Lock(ours.state / lock.LOCK)
    assert held.take()
    with (
        held,
        pytest.raises(HostonlyError, match=r"for 0.1 s") as caught,
        lock.sandboxes(ours, "sandbox.up", lambda event: None),
    ):
        raise AssertionError
    assert RAISED in str(caught.value)
