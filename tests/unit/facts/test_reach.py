"""What nc saw, read from captured runs of netcat-openbsd."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.errors import Unreachable
from hostonly.facts import NotObserved, Observed, observe
from hostonly.facts.reach import Outcome, Reach, reach, read_result
from hostonly.hello.greeting import Greeting
from hostonly.testing import FakeVantage
from hostonly.vantages import Result

Captured = Callable[[str], str]


def result(exit: int, stdout: str, stderr: str) -> Result:
    return Result("host", "host", "nc -nv -w 2 172.16.0.2 8080", exit, stdout, stderr, 0.0)


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        ("answers", Outcome.ANSWERS),
        ("empty", Outcome.EMPTY),
        ("silent", Outcome.EMPTY),
        ("refused", Outcome.REFUSED),
        ("timeout", Outcome.TIMEOUT),
        ("no-route", Outcome.NO_ROUTE),
        ("unreachable-network", Outcome.NO_ROUTE),
    ],
)
def test_captured_runs(captured: Captured, run: str, outcome: Outcome) -> None:
    seen = read_result(
        result(
            int(captured(f"reach/{run}.exit")),
            captured(f"reach/{run}.stdout"),
            captured(f"reach/{run}.stderr"),
        )
    )
    assert seen is not None
    assert seen.outcome is outcome


@pytest.mark.parametrize(
    ("exit", "stderr"),
    [
        (127, "nc: No such file or directory\n"),
        (1, "nc: getaddrinfo for host: Name or service not known\n"),
        (1, ""),
        (0, ""),
        (137, ""),
        (1, "nc: invalid option -- 'v'\n"),
    ],
)
def test_what_says_nothing_is_not_observed(exit: int, stderr: str) -> None:
    assert read_result(result(exit, "", stderr)) is None


def test_other_ncs() -> None:
    busybox = result(1, "", "nc: can't connect to remote host (127.0.0.1): Connection refused\n")
    assert read_result(busybox) == Reach(Outcome.REFUSED)
    traditional = result(0, "", "(UNKNOWN) [127.0.0.1] 8080 (?) open\n")
    assert read_result(traditional) == Reach(Outcome.EMPTY)


@pytest.mark.parametrize(
    ("said", "greeting"),
    [
        ("Hello host! (1)\n", Greeting("host", 1)),
        ("Hello a! (2)! (3)\n", Greeting("a! (2)", 3)),
        ("Hello host! (1)\nHello host! (2)\n", None),
        ("Hello host!\n", None),
        ("", None),
    ],
)
def test_greetings(said: str, greeting: Greeting | None) -> None:
    assert Reach(Outcome.ANSWERS, said).greeting == greeting


ROUTE, PROBE = "ip -json route get 172.16.0.2", "nc -nv -w 2 172.16.0.2 8080"


def routed(device: str) -> FakeVantage:
    """A host whose route to the sandbox leaves by ``device``, and which is answered there."""
    said = (0, "Hello host! (1)\n", "Connection to 172.16.0.2 8080 port succeeded!\n")
    return FakeVantage({ROUTE: f'[{{"dst":"172.16.0.2","dev":"{device}"}}]', PROBE: said})


def test_nothing_is_sent_where_the_route_leaves_elsewhere() -> None:
    host = routed("eth0")
    fact = observe(host, reach("172.16.0.2", 8080, bridge="hostonly0"))
    assert isinstance(fact, NotObserved)
    assert "eth0" in fact.because and "nothing was sent" in fact.because
    assert host.ran == [ROUTE]


def test_the_probe_follows_the_right_route() -> None:
    host = routed("hostonly0")
    fact = observe(host, reach("172.16.0.2", 8080, bridge="hostonly0"))
    assert isinstance(fact, Observed) and fact.value.greeting == Greeting("host", 1)
    assert host.ran == [ROUTE, PROBE]


def test_a_vantage_that_is_gone() -> None:
    gone = FakeVantage(otherwise=Unreachable("no connection"))
    assert isinstance(observe(gone, reach("127.0.0.1", 8080)), NotObserved)
