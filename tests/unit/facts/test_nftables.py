"""What drops packets in tables of nftables, read from captured output of nft list ruleset."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import Unreadable
from hostonly.facts.nftables import parse


def test_what_drops_and_nothing_else(captured: Callable[[str], str]) -> None:
    drops = parse(captured("nftables/own-tables.txt"))
    assert [(d.family, d.table, d.chain, d.packets) for d in drops] == [
        ("inet", "filter", "forward", None),
        ("inet", "filter", "forward", None),
        ("inet", "filter", "forward", 0),
        ("inet", "filter", "forward", None),
        ("inet", "filter", "forward", None),
        ("inet", "filter", "input", 5),
        ("ip", "raw", "PREROUTING", 3),
        ("bridge", "filter", "FORWARD", None),
    ]
    assert (drops[0].text, drops[1].text) == ("policy drop", "ct state invalid drop")
    # A verdict map, one of whose verdicts drops.
    assert "8080 : drop" in drops[4].text
    # What is only logged, or said in a comment, is not dropped.
    assert not any("log prefix" in drop.text for drop in drops)


def test_no_rule_at_all_and_no_ruleset() -> None:
    assert parse("") == ()
    with pytest.raises(Unreadable):
        parse("nft: command not found\n")
