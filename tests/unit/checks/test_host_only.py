"""check.host-only makes neighbours and removes what an earlier run left of them: one at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hostonly.checks.outsiders import check as host_only
from hostonly.claims import Verdict
from hostonly.errors import HostonlyError
from hostonly.events import Event, ignore
from hostonly.facts import Fact, NotObserved, Observed
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute
from hostonly.host.outsiders import outsiders
from hostonly.ownership import lock
from hostonly.site import Site
from hostonly.stage.judge import Judge
from tests.unit.sites import at

SILENT, ANSWERS = Observed(Reach(Outcome.TIMEOUT), ()), Observed(Reach(Outcome.EMPTY), ())
NO_IPV6 = NotObserved("IPv6 is off on eth1")


def verdicts(site: Site, attempt: Fact[Any], control: Fact[Any]) -> dict[str, Verdict]:
    """What two outsiders come to at each door where it is as told for all, and IPv6 is off."""
    near, _, rogue = outsiders(site)
    tried = host_only.doors(site, NO_IPV6)
    facts: dict[Any, Fact[Any]] = {}
    for door in tried:
        for port in host_only.services(site).values():
            facts["witness", door, port] = ANSWERS
            for each in (near, rogue):
                way = ChosenRoute(door.address, "eth0", str(each.gateway.ip), str(each.address.ip))
                facts["attempt", each, door, port] = attempt
                facts["control", each, door] = control
                facts["way", each, door] = Observed(way, ())
    claims = Judge(ignore)
    host_only.judge(claims, site, tried, (near, rogue), facts)
    return {claim.id: claim.verdict for claim in claims.claims}


def test_silence_holds_where_the_control_was_answered(site: Site) -> None:
    hello = Observed(Reach(Outcome.ANSWERS, "Hello neighbour! (1)\n"), ())
    found = verdicts(site, SILENT, hello)
    off = {id for id in found if ".ipv6." in id}
    assert {found.pop(id) for id in off} == {Verdict.SKIPPED} and len(off) == 8
    assert set(found.values()) == {Verdict.HOLDS} and len(found) == 17
    answered = verdicts(site, hello, hello)
    assert {answered[id] for id in found if id != "ports.open"} == {Verdict.FAILS}


def test_silence_without_a_control_is_not_known(site: Site) -> None:
    for control in (SILENT, NotObserved("nc is not there")):
        found = verdicts(site, SILENT, control)
        assert {v for id, v in found.items() if ".nat." in id} == {Verdict.UNKNOWN}


def test_it_waits_for_another_and_says_for_which(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(host_only, "Machine", None)  # Nothing is looked at, let alone made.
    here, events = at(site, tmp_path), list[Event]()
    with (
        lock.sandboxes(here, "check.host-only", ignore),
        pytest.raises(HostonlyError, match=r"inv check\.host-only .* has been changing"),
    ):
        host_only.check(here, Judge(events.append))
    assert f"waiting for inv check.host-only (process {os.getpid()})" in str(events)
