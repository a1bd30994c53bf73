"""What a container has said, as Docker 20.10 gave it: a server that could not listen."""

from __future__ import annotations

from collections.abc import Callable

from hostonly.facts import NotObserved, observe
from hostonly.facts.logs import logs
from hostonly.testing import FakeVantage


def test_logs_are_both_streams(captured: Callable[[str], str]) -> None:
    said = captured("logs/port-taken.stderr")
    told = FakeVantage(otherwise=[(0, "", said), (0, "out\n", said)])
    assert observe(told, logs("third")).value_or("") == said
    assert observe(told, logs("third")).value_or("") == f"out\n{said}"
    assert told.ran == ["docker logs third"] * 2


def test_a_container_that_is_not_there_has_said_nothing_known() -> None:
    gone = FakeVantage(otherwise=(1, "", "Error: No such container: x\n"))
    assert isinstance(observe(gone, logs("x")), NotObserved)
