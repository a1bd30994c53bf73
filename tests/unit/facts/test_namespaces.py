"""Network namespaces: of a process, and of a container, from captured output."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import NotObserved, Unreadable, observe
from hostonly.facts.namespaces import NetworkNamespace, namespace, namespace_of, parse
from hostonly.testing import FakeVantage

Captured = Callable[[str], str]


def test_of_a_process(captured: Captured) -> None:
    told = FakeVantage(otherwise=captured("namespaces/sandbox.txt"))
    fact = observe(told, namespace())
    assert fact.value_or(None) == NetworkNamespace(4026532355)
    assert str(fact.value_or(None)) == "net:[4026532355]"
    assert told.ran == ["sudo readlink /proc/1/ns/net"]


def test_of_a_container_it_is_that_of_its_init(captured: Captured) -> None:
    inspected = captured("docker/container-published.json")
    told = FakeVantage(otherwise=[inspected, captured("namespaces/sandbox.txt")])
    fact = observe(told, namespace_of("capture"))
    assert fact.value_or(None) == NetworkNamespace(4026532355)
    inspect, readlink = told.ran
    assert inspect == "docker container inspect capture"
    assert [each.command for each in fact.evidence] == [readlink]


def test_a_container_that_does_not_run_has_none(captured: Captured) -> None:
    for told in (
        FakeVantage(otherwise=captured("docker/container-created.json")),
        FakeVantage(otherwise=(1, "[]\n", "Error: No such container: capture\n")),
    ):
        assert isinstance(observe(told, namespace_of("capture")), NotObserved)


@pytest.mark.parametrize("output", ["", "mnt:[4026532355]\n", "net:[x]\n"])
def test_unreadable(output: str) -> None:
    with pytest.raises(Unreadable):
        parse(output)
