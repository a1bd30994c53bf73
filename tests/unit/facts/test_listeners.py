"""Listeners, read from captured output of ss."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import Unreadable
from hostonly.facts.listeners import Holder, on_port, parse

Captured = Callable[[str], str]


def test_processes_that_share_sockets(captured: Captured) -> None:
    bound, any4, any6 = parse(captured("listeners/several-processes.txt"))
    assert (bound.address, bound.device, bound.port) == ("0.0.0.0", "eth1", 7070)
    assert (any4.address, any4.port, any4.device) == ("0.0.0.0", 8080, None)
    assert (any6.address, any6.port) == ("*", 9090)
    assert [holder.name for holder in any4.holders] == ["python3", "python3"]
    assert len({holder.pid for holder in any4.holders}) == 2


def test_udp(captured: Captured) -> None:
    (vxlan,) = parse(captured("listeners/udp.txt"), "udp")
    assert (vxlan.protocol, vxlan.address, vxlan.port) == ("udp", "127.0.0.1", 4789)


def test_without_root_no_process_is_named(captured: Captured) -> None:
    assert {listener.holders for listener in parse(captured("listeners/not-root.txt"))} == {()}


def test_nothing_listens() -> None:
    assert parse("") == ()


def test_one_process_with_several_descriptors_and_an_odd_name() -> None:
    line = 'LISTEN 0 50 [::ffff:127.0.0.1]:80 *:* users:(("a b(c)",pid=7,fd=3),("a b(c)",pid=7,fd=4))\n'
    (listener,) = parse(line)
    assert listener.holders == (Holder("a b(c)", 7),)
    assert listener.address == "[::ffff:127.0.0.1]"
    assert on_port((listener,), 80) == (listener,)
    assert on_port((listener,), 8080) == ()


@pytest.mark.parametrize(
    "line",
    [
        "Error: an inet prefix is expected",
        "LISTEN 0 50 0.0.0.0:http *:*",
        "LISTEN 0 50 0.0.0.0:80 *:* users:(what)",
    ],
)
def test_unreadable(line: str) -> None:
    with pytest.raises(Unreadable):
        parse(line)
