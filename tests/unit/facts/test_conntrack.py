"""Tracked connections, from captured output of conntrack 1.4.7."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import Unreadable
from hostonly.facts.conntrack import Direction, parse


def test_a_published_port(captured: Callable[[str], str]) -> None:
    flows = parse(captured("conntrack/published.xml"))
    published = [f for f in flows if f.original.destination_port == 8080]
    # From the host, and from the sandbox itself to its own address: both were rewritten.
    assert {f.original.source for f in published} == {"172.16.0.1", "172.16.0.2"}
    assert {f.reply.source for f in published} == {"172.17.0.2"}
    rewritten = published[0]
    assert rewritten.original.destination == "172.16.0.2"
    assert rewritten.reply == Direction(
        "172.17.0.2", "172.16.0.1", 8080, rewritten.original.source_port
    )
    assert "172.17.0.2" in rewritten.addresses
    assert (rewritten.protocol, rewritten.state) == ("tcp", "TIME_WAIT")
    assert str(rewritten).endswith("> 172.16.0.2:8080 TIME_WAIT")
    ssh = [f for f in flows if f.original.destination_port == 22]
    assert {f.state for f in ssh} >= {"ESTABLISHED"}
    # IGMP has no ports, and its name the tool does not know.
    assert any((f.protocol, f.original.source_port) == ("2", None) for f in flows)


@pytest.mark.parametrize(
    "output",
    [
        "",
        "<conntrack>\n<flow>",
        "<conntrack><flow/></conntrack>",
        "<conntrack><flow><meta direction='original'><layer4 protoname='tcp'/></meta></flow>"
        "</conntrack>",
    ],
)
def test_unreadable(output: str) -> None:
    with pytest.raises(Unreadable):
        parse(output)
