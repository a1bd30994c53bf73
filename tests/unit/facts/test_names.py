"""What a container's nslookup and resolv.conf say, from captured output of busybox 1.35."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import NotObserved, Observed, Unreadable, names, resolver
from hostonly.facts.names import Lookup, read_lookup
from hostonly.vantages import Result

Captured = Callable[[str], str]


@pytest.mark.parametrize(
    ("file", "lookup", "words"),
    [
        ("found", Lookup("r2", "NOERROR", ("172.18.0.3",), "127.0.0.11"), "172.18.0.3"),
        ("servfail", Lookup("r2", "SERVFAIL", (), "172.16.0.1:5353"), "SERVFAIL"),
        ("nxdomain", Lookup("r2", "NXDOMAIN", (), "172.16.0.1:5353"), "NXDOMAIN"),
        ("no-address", Lookup("r2", "NOERROR", (), "172.16.0.1:5353"), "no address"),
        ("no-answer", Lookup("r2", "NO ANSWER"), "NO ANSWER"),
    ],
)
def test_captured_runs(captured: Captured, file: str, lookup: Lookup, words: str) -> None:
    seen = names.parse(captured(f"names/{file}.txt"), "r2")
    assert (seen, str(seen)) == (lookup, words)


@pytest.mark.parametrize(
    "output", ["", "Server:\t\t127.0.0.11\n", "nslookup: applet not found\n", "Name:\tr2\n"]
)
def test_unreadable(output: str) -> None:
    with pytest.raises(Unreadable):
        names.parse(output, "r2")


@pytest.mark.parametrize(
    ("exit", "observed"), [(0, True), (1, True), (126, False), (127, False), (124, False)]
)
def test_a_tool_that_did_not_run_says_nothing(
    captured: Captured, exit: int, observed: bool
) -> None:
    output = captured("names/found.txt")
    result = Result("container r1", "sandbox", "docker exec r1 nslookup", exit, output, "", 0.0)
    fact = read_lookup(result, "r2")
    assert isinstance(fact, Observed if observed else NotObserved)


def test_resolv_conf(captured: Captured) -> None:
    embedded = resolver.parse(captured("resolver/embedded.txt"))
    assert embedded == resolver.Resolver((resolver.EMBEDDED,), (), ("ndots:0",))
    by_hand = resolver.parse(captured("resolver/by-hand.txt"))
    assert by_hand.nameservers == ("192.0.2.53", "2001:db8::53")
    assert by_hand.search == ("example.org", "example.net")
    assert by_hand.options == ("ndots:2", "timeout:1")
    assert resolver.parse("").nameservers == ()


@pytest.mark.parametrize("output", ["nameserver\n", "cat: can't open\n"])
def test_an_unreadable_resolv_conf(output: str) -> None:
    with pytest.raises(Unreadable):
        resolver.parse(output)
