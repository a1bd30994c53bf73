"""Obstacles of a connection that was not answered: what may have stopped its packets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from hostonly.claims import ClaimResult, Verdict
from hostonly.claims.obstacles import FORWARDING, Hop, obstacles
from hostonly.facts import Fact, Observed, Question, observe_all
from hostonly.facts.firewall import firewall
from hostonly.facts.nftables import nftables
from hostonly.facts.reach import REASONS, Outcome, Reach
from hostonly.facts.sysctl import sysctls
from hostonly.process import as_root
from hostonly.vantages import TIMED_OUT, Result, Vantage

# Said by an engine that waits for another one; `REASONS` are nc's words.
ENGINES = ("deadline exceeded", "i/o timeout", "Timeout was reached")
WAITED = re.compile("|".join([*(words for words, _ in REASONS), *ENGINES]))


def explained(
    result: ClaimResult, facts: Iterable[Fact[Any]], machines: Sequence[Vantage], bridge: str
) -> ClaimResult:
    """Return ``result``, with the obstacles on ``machines`` where they may be its reason.

    That is where the claim does not hold and a connection among its ``facts`` was not answered.
    ``bridge`` is the host's interface on the host-only network.
    """
    unanswered = [
        attempt
        for fact in facts
        if isinstance(fact, Observed) and _is_unanswered(fact.value)
        for attempt in fact.evidence
        if "nc " in attempt.command
    ]
    if result.verdict not in (Verdict.FAILS, Verdict.UNKNOWN) or not unanswered:
        return result
    return _named(result, unanswered, machines, bridge)


def explained_stop(
    result: ClaimResult, steps: Sequence[Result], machines: Sequence[Vantage], bridge: str
) -> ClaimResult:
    """Return ``result``, which says why a demo stopped after ``steps``, with the obstacles.

    It is unchanged where neither a step nor itself tells of a connection that was not answered.
    """
    told = [each for each in (*result.evidence, *steps) if _tells_of_waiting(each)]
    if not told and not WAITED.search(result.because):
        return result
    return _named(result, told, machines, bridge)


def _tells_of_waiting(step: Result) -> bool:
    return step.exit == TIMED_OUT or (not step.ok and WAITED.search(step.output) is not None)


def _is_unanswered(value: object) -> bool:
    if isinstance(value, Reach):
        return value.outcome not in (Outcome.ANSWERS, Outcome.EMPTY)
    if isinstance(value, Mapping):
        return any(_is_unanswered(each) for each in value.values())
    return isinstance(value, tuple) and any(_is_unanswered(each) for each in value)


def _named(
    result: ClaimResult, attempts: Sequence[Result], machines: Sequence[Vantage], bridge: str
) -> ClaimResult:
    version = 6 if any(_to_ipv6(each.command) for each in attempts) else 4
    reasons, evidence = [result.because], list(result.evidence)
    for at in machines:
        # A machine's own connection is not forwarded there.
        own = bool(attempts) and all(each.vantage == at.name for each in attempts)
        found, seen = _looked(at, version, forwards=at.prompt != "host" and not own, link=bridge)
        reasons += found
        evidence += seen if found else ()
    return replace(result, because="; ".join(reasons), evidence=tuple(dict.fromkeys(evidence)))


def _to_ipv6(command: str) -> bool:
    """Return whether ``command`` connects to an IPv6 address: the word before the port."""
    words = command.split()
    try:
        return ip_address(words[-2].partition("%")[0]).version == 6
    except (IndexError, ValueError):
        return False


def _looked(
    at: Vantage, version: int, *, forwards: bool, link: str
) -> tuple[list[str], tuple[Result, ...]]:
    root: tuple[str, ...] = ("sudo",)
    if at.prompt == "host":
        # Nobody expects to be asked for a password in the middle of a demo.
        root = tuple(as_root((), ask=False))
    questions: dict[str, Question[Any]] = {"native": nftables()}
    if forwards:
        questions["switches"] = sysctls(FORWARDING[version])
    questions["firewall"] = firewall(version)
    facts = observe_all(at, questions, root=root)
    values = {key: fact.value_or(None) for key, fact in facts.items()}
    ground = Hop(
        at.name,
        at.prompt,
        version,
        values.get("switches"),
        values["firewall"],
        values["native"] or (),
        link if at.prompt == "host" else "",
    )
    evidence = [each for fact in facts.values() for each in fact.evidence]
    return obstacles(ground), tuple(evidence)
