"""Rules beside Docker's: only where FORWARD drops, only once, and removed by their comment.

The chains are what `iptables -S FORWARD` 1.8.9 prints on a host with Docker 20.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.host import bridge_netfilter

DOCKER = """\
-P FORWARD DROP
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i docker0 -o docker0 -m comment --comment "not ours" -j ACCEPT
"""
OURS = DOCKER + (
    "-A FORWARD -i hostonly0 -o hostonly0 -m comment --comment hostonly -j ACCEPT\n"
    "-A FORWARD -i ho-other -o ho-other -m comment --comment hostonly -j ACCEPT\n"
)


class Iptables:
    """Stands for iptables: prints a chain, and remembers what it was told."""

    def __init__(self, chain: str) -> None:
        self.chain = chain
        self.told: list[list[str]] = []

    def run(self, argv: Sequence[str], **_: Any) -> str:
        if "-S" in argv:
            return self.chain
        self.told.append(list(argv[3:]))
        return ""


def given(monkeypatch: pytest.MonkeyPatch, chain: str) -> Iptables:
    iptables = Iptables(chain)
    monkeypatch.setattr(bridge_netfilter, "run", iptables.run)
    monkeypatch.setattr(bridge_netfilter, "find", lambda program: Path("/usr/sbin") / program)
    return iptables


def test_a_chain_that_drops_gets_our_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    iptables = given(monkeypatch, DOCKER)
    assert bridge_netfilter.accept("hostonly0", "hostonlynat0")
    assert len(iptables.told) == 3
    assert all(words[:2] == ["-I", "FORWARD"] for words in iptables.told)
    assert all(
        words[-5:] == ["comment", "--comment", "hostonly", "-j", "ACCEPT"]
        for words in iptables.told
    )


@pytest.mark.parametrize("chain", ["-P FORWARD ACCEPT\n", OURS])
def test_nothing_is_done_where_nothing_is_to_do(
    monkeypatch: pytest.MonkeyPatch, chain: str
) -> None:
    iptables = given(monkeypatch, chain)
    assert not bridge_netfilter.accept("hostonly0", "hostonlynat0")
    assert iptables.told == []


def test_only_our_rules_for_these_bridges_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    iptables = given(monkeypatch, OURS)
    assert bridge_netfilter.remove("hostonly0", "hostonlynat0")
    (removed,) = iptables.told
    assert removed == [
        *("-D", "FORWARD", "-i", "hostonly0", "-o", "hostonly0"),
        *("-m", "comment", "--comment", "hostonly", "-j", "ACCEPT"),
    ]


def test_without_iptables_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_netfilter, "find", lambda program: None)
    assert not bridge_netfilter.accept("hostonly0", "hostonlynat0")
    assert not bridge_netfilter.remove("hostonly0", "hostonlynat0")
