"""How a demo is run: steps and claims in order, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import pytest

from hostonly.claims import Verdict
from hostonly.demos import DEMOS, load
from hostonly.errors import HostonlyError, UsageError
from hostonly.events import Event, Warned
from hostonly.facts import Fact, NotObserved, Observed
from hostonly.facts.kernel import KINDS
from hostonly.results.transcript import ClaimJudged, StepEnded, StepStarted
from hostonly.site import Site
from hostonly.stage import probes
from hostonly.stage.demo import not_performed, perform
from hostonly.stage.probes import wait_beside
from hostonly.stage.stage import Stage
from hostonly.stage.testbed import Testbed
from tests.unit.stage.played import FREE, HELD, Played, demo, holds, start, two_equal


def test_steps_and_claims_in_order(testbed: Testbed, events: list[Event]) -> None:
    result = perform(demo(holds), testbed, events.append)
    assert result.verdict is Verdict.HOLDS
    assert [step.command for step in result.steps] == [
        "docker run -d --name hello --label hostonly.demo=host localhost:5000/hello-socket",
        "docker rm --force --volumes hello",
    ]
    kinds = [type(event) for event in events]
    assert kinds == [StepStarted, StepEnded, ClaimJudged, StepStarted, StepEnded]


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


def test_a_name_that_is_taken_is_said_with_what_removes_it(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    """And not docker's last line, which says where its help is."""
    sandbox.containers["hello"] = {}
    because = perform(demo(holds), testbed, events.append).claims[-1].because
    assert "exited with 125: docker: Error response from daemon: Conflict. The container" in because
    assert "--help" not in because
    assert because.endswith("To remove that one: ./inv sandbox.exec -- docker rm --force hello")
    assert sandbox.containers == {"hello": {}}


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


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ((0, "", ""), Verdict.HOLDS),
        ((2, "", "Error: Unknown device type.\n"), Verdict.SKIPPED),
        # What was not seen may be there.
        ((1, "", "sudo: a password is required\n"), Verdict.HOLDS),
    ],
)
def test_a_demo_is_not_begun_where_the_kernel_lacks_what_it_needs(
    testbed: Testbed,
    sandbox: Played,
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
    told: tuple[int, str, str],
    verdict: Verdict,
) -> None:
    played = sandbox.answer
    monkeypatch.setattr(sandbox, "answer", lambda argv: told if "unshare" in argv else played(argv))
    needing = replace(demo(holds), needs=("macvlan",))
    result = perform(needing, testbed, events.append)
    assert result.verdict is verdict
    if verdict is Verdict.SKIPPED:
        (claim,) = result.claims
        assert claim.because == (
            "this kernel has no macvlan: the module macvlan is neither built in nor loaded"
        )
        assert claim.evidence[0].stderr == told[2]
        assert result.steps == () and ClaimJudged(claim) in events
        assert not any(line.startswith("docker run") for line in sandbox.ran)


def test_what_each_demo_needs_can_be_asked_for() -> None:
    needs = {name: load(name).needs for name in DEMOS}
    assert needs["overlay"] == ("vxlan", "br_netfilter") and needs["macvlan"] == ("macvlan",)
    assert {kind for kinds in needs.values() for kind in kinds} <= KINDS.keys()


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


def test_a_container_that_has_ended_is_not_waited_for(
    testbed: Testbed, sandbox: Played, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostonly.stage.wait.MEANWHILE_SECONDS", 0.0)
    sandbox.logs = "hello-socket: port 8080: Permission denied\n"

    def run(stage: Stage) -> None:
        start(stage)
        wait_beside(stage, "hello", 8080)

    # What cannot be seen is waited for, and so is what runs.
    seen: list[Fact[object]] = [
        NotObserved("busy"),
        Observed(SimpleNamespace(running=True), ()),
        Observed(SimpleNamespace(running=False, exit_code=1), ()),
    ]
    monkeypatch.setattr(probes, "observe", lambda *_: seen.pop(0))
    claim = perform(demo(run), testbed, events.append).claims[-1]
    assert claim.because == (
        "container hello ended with 1: hello-socket: port 8080: Permission denied"
    )
    assert claim.evidence[-1].command == "docker logs hello"
    assert not seen and sandbox.containers == {}


def test_a_tag_that_names_another_image_is_not_what_runs(
    testbed: Testbed, sandbox: Played, events: list[Event]
) -> None:
    sandbox.named = "sha256:bb"
    result = perform(demo(holds), testbed, events.append)
    assert result.steps[0].command.endswith(" sha256:aa")
    assert any(isinstance(event, Warned) and "no longer names" in event.what for event in events)


def test_without_a_sandbox_there_is_a_result_too(site: Site) -> None:
    result = not_performed(demo(holds), site, HostonlyError("no room on the disk"))
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


def test_a_skipped_claim_keeps_what_shows_the_missing_capability(
    testbed: Testbed, events: list[Event]
) -> None:
    def run(stage: Stage) -> None:
        tried = stage.step(stage.sandbox, "false", may_fail=True)
        stage.skip(two_equal, "this kernel has no two", evidence=(tried,))

    result = perform(demo(run), testbed, events.append)
    assert result.verdict is Verdict.SKIPPED
    assert [r.command for r in result.claims[0].evidence] == ["false"]
