"""check.isolation: what was not seen holds nothing, and what cannot be tried is said."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from hostonly.checks.isolation import check
from hostonly.checks.isolation.marker import Marker
from hostonly.checks.isolation.probes import probes
from hostonly.checks.isolation.verdicts import Seen, judge
from hostonly.claims import Verdict
from hostonly.events import ignore
from hostonly.facts import Fact, NotObserved
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.stage.judge import Judge
from hostonly.vantages import Host

MARKER = Marker("hostonly-marked", Path("/tmp/hostonly-marker"))
UNSEEN = NotObserved("nothing was sent")
TRIED = probes("x86_64")


class Unseen(dict[str, Fact[object]]):
    """Nothing was observed, whatever it is."""

    def __missing__(self, key: str) -> NotObserved:
        return UNSEEN


def judged(site: Site, engine: Fact[str] | str, *, of: str = "") -> Judge:
    claims = Judge(lambda event: None)
    base: dict[str, Fact[object]] = {"seen": UNSEEN, "newer": UNSEEN}
    seen = Seen(Unseen(), Unseen(), UNSEEN, UNSEEN, base, engine)
    judge(claims.of(of) if of else claims, Machine(site, ignore), MARKER, TRIED, seen)
    return claims


def test_what_was_not_seen_holds_nothing(site: Site) -> None:
    claims = judged(site, UNSEEN).claims
    assert {claim.verdict for claim in claims} == {Verdict.UNKNOWN}
    assert {claim.because for claim in claims} == {"not observed: nothing was sent"}
    assert len({claim.id for claim in claims}) == len(claims) > len(TRIED)


def test_a_machine_without_docker_skips_what_is_about_its_engine(site: Site) -> None:
    skipped = [each for each in judged(site, "no Docker").claims if each.verdict is Verdict.SKIPPED]
    assert [each.because for each in skipped] == ["no Docker"]


def test_the_second_machines_claims_begin_with_its_name(site: Site) -> None:
    one, two = judged(site, UNSEEN).claims, judged(site, UNSEEN, of="sandbox2").claims
    assert [each.id for each in two] == [f"sandbox2.{each.id}" for each in one]
    assert all(each.sentence.startswith("sandbox2: ") for each in two)


def test_system_calls_of_another_kernel_are_not_taken_for_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "mips")
    claims = Judge(lambda event: None)
    seen = Seen(Unseen(), Unseen(), UNSEEN, UNSEEN, {"seen": UNSEEN, "newer": UNSEEN}, "no Docker")
    judge(
        claims,
        Machine(site, ignore),
        MARKER,
        [each for each in probes("mips") if not each.tries],
        seen,
    )
    unknown = [each.because for each in claims.claims if "mips" in each.because]
    assert unknown == ["not observed: the system calls of mips are not known here"] * len(unknown)
    assert unknown


def test_no_engine_is_told_from_one_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "ENGINE", tmp_path / "docker.sock")
    assert check.engine_of(Host()) == f"this machine has no Docker: no {tmp_path}/docker.sock"
