"""demo.overlay where the kernel has IPVS, which the machines that it was recorded on have not: what is
recorded is played, and the service in ingress mode besides it is played here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hostonly.claims import Verdict
from hostonly.demos import load
from hostonly.demos.overlay import INGRESS, SERVICE
from hostonly.site import Site
from hostonly.stage.demo import perform
from hostonly.stage.testbed import Testbed
from hostonly.testing import Answer, FakeVantage
from hostonly.vantages import Vantage
from tests import recorded

PORT = "8080"
SANDBOXES = ("sandbox", "sandbox2")
TASK = "1234567890ab"
# So often a look finds what was removed still there, and a connection no task behind the port.
LATE = 2
ROUTE = '[{"dst": "172.16.0.2", "dev": "hostonly0", "prefsrc": "172.16.0.1"}]\n'
LOOKING = {"iptables-save", "nft", "sysctl"}
HELD = f'LISTEN 0 4096 *:{PORT} *:* users:(("dockerd",pid=9,fd=3))\n'


class Swarm:
    """What the three vantages see of the service in ingress mode, one after the other: ``there``,
    ``removed``, and of no interest any more."""

    def __init__(self) -> None:
        self.state = "not made yet"
        self.balances = True
        self.allowed = "allowed\n"
        self.tasks = ""
        self.starts = True
        self.count = 0
        self.looks: dict[str, int] = {}

    def late(self, what: str) -> bool:
        """Whether it is too early for ``what``: the first times that it is looked at."""
        self.looks[what] = self.looks.get(what, 0) + 1
        return self.looks[what] <= LATE


class WithIpvs(FakeVantage):
    """A played vantage, on a kernel with IPVS."""

    def __init__(self, played: Vantage, swarm: Swarm) -> None:
        super().__init__(name=played.name, prompt=played.prompt)
        self.played, self.swarm = played, swarm

    def answer(self, argv: list[str]) -> Answer:
        """What it says where it has to do with IPVS or the service; else what was recorded."""
        swarm = self.swarm
        match swarm.state, argv:
            case _, ["sudo", "unshare", *_, asked] if "IPVS | sed" in asked:
                return 0, swarm.allowed, ""
            case _, ["sudo", "unshare", *_]:
                return 0, "", ""
            case _, ["docker", "service", "ps", *_]:
                return 0, swarm.tasks, ""
            case _, _ if LOOKING & set(argv):
                # Looking at what stopped a connection, of which it tells nothing.
                return 127, "", ""
            case _, ["docker", "service", "create", *_] if INGRESS in argv:
                swarm.state = "there"
                return 0, "service\n", ""
            case _, ["docker", "service", "create", *_]:
                looks = {f"{what} {name}" for what in ("task", "port") for name in SANDBOXES}
                assert all(swarm.looks[each] > LATE for each in looks), "the first has not ended"
                swarm.state = "over"
            case "there", ["docker", "service", "rm", name] if name == INGRESS:
                swarm.state = "removed"
                return 0, f"{INGRESS}\n", ""
            case "there", ["docker", "ps", *_]:
                return 0, f"{TASK}\n" if swarm.starts else "", ""
            case "there", ["docker", "container", "inspect", "--format", _, name] if name == TASK:
                return 0, "77\n", ""
            case "there", ["docker", "container", "inspect", name] if name == TASK:
                return 1, "", "nobody judges it\n"
            case "there", ["sudo", "nsenter", "--target", "77", *_]:
                return 0, HELD, ""
            case "there", ["ip", "-json", "route", "get", _]:
                return 0, ROUTE, ""
            case "there", ["nc", *_, address, _]:
                if swarm.late(f"balancing {address}") or not swarm.balances:
                    return 1, "", f"nc: connect to {address} failed: Connection refused\n"
                swarm.count += 1
                return 0, f"Hello overlay! ({swarm.count})\n", "Connection succeeded!\n"
            case "removed", ["docker", "ps", *_]:
                return 0, f"{TASK}\n" if swarm.late(f"task {self.name}") else "", ""
            case "removed", ["sudo", "ss", *_]:
                return 0, HELD if swarm.late(f"port {self.name}") else "", ""
        return self.played.run(argv)


@pytest.fixture
def swarm() -> Swarm:
    return Swarm()


@pytest.fixture
def testbed(site: Site, swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> Testbed:
    monkeypatch.setattr("hostonly.stage.wait.POLL_SECONDS", 0.0)
    monkeypatch.setattr("hostonly.waiting.POLL_SECONDS", 0.0)
    monkeypatch.setattr("hostonly.demos.overlay.SYNC_SECONDS", 0.2)
    testbed, _ = recorded.playing("overlay", site, monkeypatch)
    second = WithIpvs(testbed.second_sandbox(), swarm)
    return replace(
        testbed,
        host=WithIpvs(testbed.host, swarm),
        sandbox=WithIpvs(testbed.sandbox, swarm),
        second_sandbox=lambda: second,
    )


def test_each_service_is_asked_when_it_is_there_and_the_other_is_not(
    testbed: Testbed, swarm: Swarm
) -> None:
    result = perform(load("overlay"), testbed, lambda event: None)
    verdicts = {claim.id: claim.verdict for claim in result.claims}
    assert set(verdicts.values()) == {Verdict.HOLDS}, [c.because for c in result.claims]
    created = [step.command for step in result.steps if " service create " in step.command]
    assert [
        f"--name {name} " in line for name, line in zip((INGRESS, SERVICE), created, strict=True)
    ]
    # What only waited is no step: two judged connections to each of two sandboxes for each service.
    connects = [step for step in result.steps if step.command.startswith("nc -nv")]
    assert len(connects) == 8 and all(step.ok for step in connects)


def test_a_service_that_nobody_balances_to_fails(testbed: Testbed, swarm: Swarm) -> None:
    swarm.balances = False
    result = perform(load("overlay"), testbed, lambda event: None)
    failed = {claim.id: claim.because for claim in result.claims if claim.verdict is Verdict.FAILS}
    assert failed == {"service.ingress": "the first sandbox: REFUSED"}


def test_where_ipvs_is_not_for_user_namespaces_the_service_is_skipped(
    testbed: Testbed, swarm: Swarm
) -> None:
    swarm.allowed = "Operation not permitted\n"
    # It is not made, so that nothing of it is waited for.
    swarm.looks = {f"{what} {name}": LATE + 1 for what in ("task", "port") for name in SANDBOXES}
    result = perform(load("overlay"), testbed, lambda event: None)
    skipped = {c.id: c for c in result.claims if c.verdict is Verdict.SKIPPED}
    assert set(skipped) == {"service.ingress"}
    assert (
        "lets nobody set up IPVS (ip_vs) from a user namespace"
        in skipped["service.ingress"].because
    )
    assert "genl ctrl get name IPVS" in skipped["service.ingress"].evidence[0].command
    assert result.verdict is Verdict.HOLDS
    assert not any(INGRESS in step.command for step in result.steps)


def test_a_task_that_is_rejected_is_not_waited_for(testbed: Testbed, swarm: Swarm) -> None:
    swarm.starts = False
    swarm.tasks = (
        "sandbox2 Preparing 2 seconds ago: \nsandbox Rejected 1 second ago: No such image\n"
    )
    result = perform(load("overlay"), testbed, lambda event: None)
    assert result.verdict is Verdict.UNKNOWN
    stopped = [claim.because for claim in result.claims if claim.verdict is Verdict.UNKNOWN]
    assert stopped[0].startswith(f"a task of {INGRESS} was rejected by sandbox Rejected 1 second")
