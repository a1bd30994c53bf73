"""When it is looked at what stopped a connection, and where."""

from __future__ import annotations

import pytest

from hostonly.claims import ClaimResult, Verdict
from hostonly.facts import Fact, NotObserved, Observed
from hostonly.facts.reach import Outcome, Reach
from hostonly.stage.obstacles import explained, explained_stop
from hostonly.testing import FakeVantage
from hostonly.vantages import Result

OFF = "net.ipv4.ip_forward = 0\n"
BRIDGE = "hostonly0"


class Machine(FakeVantage):
    """A machine that tells of its switches, and has no other program."""

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        return (0, OFF, "") if argv[0] == "sysctl" else (127, "", "")


def result(verdict: Verdict, because: str = "TIMEOUT") -> ClaimResult:
    return ClaimResult("hello.host", "A sentence.", "nowhere", verdict, because)


def reach(outcome: Outcome, at: str = "host", to: str = "172.16.0.2") -> Fact[tuple[Reach, ...]]:
    said = Result(at, at, f"nc -nv -w 2 {to} 8080", 1, "", "", 2.0)
    return Observed((Reach(outcome),), (said,))


@pytest.fixture
def machines() -> list[Machine]:
    return [Machine(name=name) for name in ("host", "sandbox", "sandbox2")]


@pytest.mark.parametrize("verdict", [Verdict.FAILS, Verdict.UNKNOWN])
@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.REFUSED, Outcome.NO_ROUTE])
def test_what_was_not_answered(machines: list[Machine], verdict: Verdict, outcome: Outcome) -> None:
    said = explained(result(verdict), [reach(outcome)], machines, BRIDGE)
    assert said.verdict is verdict
    assert said.because.startswith("TIMEOUT; on the sandbox net.ipv4.ip_forward is 0")
    assert "on the sandbox2 net.ipv4.ip_forward is 0" in said.because
    # The host forwards nothing to the host-only network, and need not.
    assert "on the host" not in said.because
    assert all(each.vantage != "host" for each in said.evidence)
    assert any(each.command.startswith("sysctl -a") for each in said.evidence)


@pytest.mark.parametrize(
    ("verdict", "fact"),
    [
        (Verdict.HOLDS, reach(Outcome.TIMEOUT)),
        (Verdict.SKIPPED, reach(Outcome.TIMEOUT)),
        (Verdict.FAILS, reach(Outcome.ANSWERS)),
        (Verdict.FAILS, Observed(1, ())),
        (Verdict.UNKNOWN, NotObserved("no nc")),
    ],
)
def test_else_nothing_is_asked(
    machines: list[Machine], verdict: Verdict, fact: Fact[object]
) -> None:
    before = result(verdict)
    assert explained(before, [fact], machines, BRIDGE) is before
    assert not any(each.ran for each in machines)


def test_what_a_machine_asks_by_itself_is_not_forwarded_there(machines: list[Machine]) -> None:
    said = explained(
        result(Verdict.FAILS), [reach(Outcome.TIMEOUT, at="sandbox")], machines[:2], BRIDGE
    )
    assert said.because == "TIMEOUT"


def test_the_questions_are_those_of_the_addresss_family(machines: list[Machine]) -> None:
    explained(result(Verdict.FAILS), [reach(Outcome.TIMEOUT, to="fe80::2%b0")], machines, BRIDGE)
    assert all("ip6tables-save" in " ".join(each.ran) for each in machines)


@pytest.mark.parametrize(
    ("because", "steps"),
    [
        ("`nc` exited with 1: timed out", ()),
        ("`docker swarm join` exited with 1", ("Error: Timeout was reached before node joined",)),
        (
            "it went wrong",
            ("nc: connect to 172.16.0.2 port 8080 (tcp) failed: Connection refused",),
        ),
    ],
)
def test_a_demo_that_stopped(machines: list[Machine], because: str, steps: tuple[str, ...]) -> None:
    told = [Result("host", "host", "x", 1, "", each, 0.0) for each in steps]
    said = explained_stop(result(Verdict.UNKNOWN, because), told, machines, BRIDGE)
    assert said.because.startswith(f"{because}; on the sandbox net.ipv4.ip_forward is 0")


def test_a_demo_that_stopped_for_another_reason(machines: list[Machine]) -> None:
    before = result(Verdict.UNKNOWN, "port 8080 on the sandbox is held by nc (pid 7)")
    assert explained_stop(before, [], machines, BRIDGE) is before
    assert not any(each.ran for each in machines)


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("docker run -d --network n localhost:5000/hello-socket overlay", "net\\.ipv4"),
        ("nc -nv -w 2 172.16.0.2 8080", "net\\.ipv4"),
        ("nc -nv -w 2 fd68:6f73::2 8080", "net\\.ipv6"),
        ("nc -nv -w 2 fe80::1%eth1 8080", "net\\.ipv6"),
    ],
)
def test_of_which_ip_it_was(machines: list[Machine], command: str, asked: str) -> None:
    """An image's name has a colon, too, and no address."""
    step = Result("host", "host", command, 1, "", "timed out: context deadline exceeded", 20.0)
    explained_stop(result(Verdict.UNKNOWN), [step], machines, BRIDGE)
    assert asked in " ".join(machines[1].ran)
