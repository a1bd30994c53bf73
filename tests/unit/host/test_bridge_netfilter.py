"""Rules beside Docker's: only where FORWARD drops, only once, and removed by their comment.

The chains are what `iptables -S FORWARD` 1.8.9 prints on a host with Docker 20.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.host import bridge_netfilter, forward_chain

DOCKER = """\
-P FORWARD DROP
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i docker0 -o docker0 -m comment --comment "not ours" -j ACCEPT
"""
ANOTHERS = "-A FORWARD -i ho-other -o ho-other -m comment --comment hostonly -j ACCEPT\n"
# As the rules come back: iptables 1.8.9 puts the exclamation mark first and ctstate as we wrote it.
OURS = DOCKER + (
    "-A FORWARD -o hostonlynat0 -m conntrack --ctstate RELATED,ESTABLISHED"
    " -m comment --comment hostonly -j ACCEPT\n"
    "-A FORWARD -i hostonlynat0 ! -o hostonlynat0 -m comment --comment hostonly -j ACCEPT\n"
    "-A FORWARD -i hostonly0 -o hostonly0 -m comment --comment hostonly -j ACCEPT\n"
)


class Iptables:
    """Stands for iptables: prints a chain, and remembers what it was told. ip6tables' chain accepts."""

    def __init__(self, chain: str, chain6: str = "-P FORWARD ACCEPT\n") -> None:
        self.chains = {"iptables": chain, "ip6tables": chain6}
        self.told: list[list[str]] = []
        self.told6: list[list[str]] = []

    def run(self, argv: Sequence[str], **_: Any) -> str:
        if "-S" in argv:
            return self.chains[argv[0]]
        told = self.told if argv[0] == "iptables" else self.told6
        told.append(list(argv[3:]))
        return ""


def given(monkeypatch: pytest.MonkeyPatch, *chains: str) -> Iptables:
    iptables = Iptables(*chains)
    monkeypatch.setattr(forward_chain, "run", iptables.run)
    monkeypatch.setattr(forward_chain, "find", lambda program: Path("/usr/sbin") / program)
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


def test_an_attempt_that_was_cut_off_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = OURS.splitlines(keepends=True)
    iptables = given(monkeypatch, "".join(lines[:-1]))
    assert bridge_netfilter.accept("hostonly0", "hostonlynat0")
    (told,) = iptables.told
    assert told[:6] == ["-I", "FORWARD", "-i", "hostonly0", "-o", "hostonly0"]


def test_where_ipv6_is_dropped_sandboxes_still_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    iptables = given(monkeypatch, "-P FORWARD ACCEPT\n", "-P FORWARD DROP\n")
    assert bridge_netfilter.accept("hostonly0", "hostonlynat0")
    assert iptables.told == []
    # NAT is for IPv4: nothing else of IPv6 is let through.
    (told,) = iptables.told6
    assert told[:6] == ["-I", "FORWARD", "-i", "hostonly0", "-o", "hostonly0"]


def test_only_our_rules_for_these_bridges_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    iptables = given(monkeypatch, OURS + ANOTHERS)
    assert bridge_netfilter.remove("hostonly0", "hostonlynat0")
    assert len(iptables.told) == 3
    assert iptables.told[-1] == [
        *("-D", "FORWARD", "-i", "hostonly0", "-o", "hostonly0"),
        *("-m", "comment", "--comment", "hostonly", "-j", "ACCEPT"),
    ]
    assert not any("ho-other" in words for words in iptables.told)


def test_without_iptables_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward_chain, "find", lambda program: None)
    assert not bridge_netfilter.accept("hostonly0", "hostonlynat0")
    assert not bridge_netfilter.remove("hostonly0", "hostonlynat0")
