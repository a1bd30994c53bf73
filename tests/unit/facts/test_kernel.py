"""What the kernel can do, from what a real attempt printed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hostonly.errors import Unreachable
from hostonly.facts import NotObserved, Observed, observe
from hostonly.facts.kernel import IN_PLACE, KINDS, capability
from hostonly.testing import FakeVantage


def told(exit: int, stdout: str = "", stderr: str = "") -> FakeVantage:
    """A sandbox where every command says this."""
    return FakeVantage(otherwise=(exit, stdout, stderr))


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_succeeds_is_there(kind: str) -> None:
    fact = observe(told(0), capability(kind))
    assert isinstance(fact, Observed) and fact.value is True
    assert ("unshare --net" in fact.evidence[0].command) == (kind not in IN_PLACE)


def test_an_unknown_kind_of_link_is_missing() -> None:
    fact = observe(told(2, "", "Error: Unknown device type.\n"), capability("ipvlan"))
    assert isinstance(fact, Observed) and fact.value is False


@pytest.mark.parametrize("kind", ["ip_vs", "ipv6", "br_netfilter"])
def test_a_file_that_is_not_there_is_a_missing_capability(kind: str) -> None:
    fact = observe(told(1), capability(kind))
    assert isinstance(fact, Observed) and fact.value is False


@pytest.mark.parametrize(("asked", "exit"), [("genl", 0), ("iptables", 0), ("neither", 1)])
def test_ipvs_is_asked_for_before_it_is_looked_for(tmp_path: Path, asked: str, exit: int) -> None:
    """A kernel that loads the module when it is asked by this command."""
    there = tmp_path / "ip_vs"
    for name in ("genl", "iptables"):
        (tmp_path / name).write_text(
            f"#!/bin/sh\necho complains >&2\n{f'>{there}' if name == asked else 'exit 1'}\n"
        )
        (tmp_path / name).chmod(0o755)
    script = KINDS["ip_vs"].replace("/proc/net/ip_vs", str(there))
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", script], env=path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (exit, b"", b"")


@pytest.mark.parametrize(
    ("at", "kind"),
    [
        (told(1), "ipvlan"),
        (told(2, "", "RTNETLINK answers: Operation not permitted\n"), "ipvlan"),
        (told(1, "", "unshare: unshare failed: Operation not permitted\n"), "ip_vs"),
        (told(127, "", "sudo: unshare: command not found\n"), "ipv6"),
        (told(1, "", "sudo: a password is required\n"), "br_netfilter"),
        (FakeVantage(otherwise=Unreachable("the connection broke")), "ipvlan"),
    ],
)
def test_an_attempt_that_was_not_let_tells_nothing(at: FakeVantage, kind: str) -> None:
    assert isinstance(observe(at, capability(kind)), NotObserved)
