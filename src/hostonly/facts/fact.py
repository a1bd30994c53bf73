"""A fact: a typed value with the evidence it was read from, or the reason why there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from hostonly.vantages import Result
from hostonly.waiting import until

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Observed(Generic[T_co]):
    """A value read from ``evidence``."""

    value: T_co
    evidence: tuple[Result, ...]

    def value_or(self, default: object) -> T_co:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class NotObserved:
    """Nothing is known: ``because`` is a half sentence; ``evidence`` is what was tried."""

    because: str
    evidence: tuple[Result, ...] = ()

    def value_or(self, default: T) -> T:
        """The ``default``, since there is no value."""
        return default


Fact: TypeAlias = Observed[T] | NotObserved


class Unreadable(ValueError):
    """A parser met output that it does not understand; its text says what."""


def read(result: Result, parse: Callable[[str], T]) -> Fact[T]:
    """The fact in a ``result`` that is there already.

    Anything but exit status 0 and standard output that ``parse`` understands gives
    ``NotObserved``: an absent tool or a refused permission must never look like an empty list.
    """
    if not result.ok:
        return NotObserved(result.failure, (result,))
    try:
        return Observed(parse(result.stdout), (result,))
    except Unreadable as error:
        return NotObserved(f"`{result.command}` printed what cannot be read: {error}", (result,))


def settled(
    look: Callable[[], Fact[T]], satisfied: Callable[[T], bool], *, seconds: float
) -> Fact[T]:
    """Look until ``satisfied``, for at most the limit of ``seconds``; what was seen last, satisfied or
    not. What was not observed ends it as well."""
    return until(look, lambda fact: isinstance(fact, NotObserved) or satisfied(fact.value), seconds)


def together(facts: Sequence[Fact[T]]) -> Fact[tuple[T, ...]]:
    """Several facts as one, in order; not observed when one of them was not."""
    evidence = tuple(dict.fromkeys(result for fact in facts for result in fact.evidence))
    missing = [fact.because for fact in facts if isinstance(fact, NotObserved)]
    if missing:
        return NotObserved("; ".join(dict.fromkeys(missing)), evidence)
    return Observed(tuple(fact.value for fact in facts if isinstance(fact, Observed)), evidence)


def select(fact: Fact[T], choose: Callable[[T], U]) -> Fact[U]:
    """The part of ``fact`` that ``choose`` picks, with the same evidence.

    ``choose`` raises ``Unreadable`` when the part is not there.
    """
    if isinstance(fact, NotObserved):
        return fact
    try:
        return Observed(choose(fact.value), fact.evidence)
    except Unreadable as error:
        return NotObserved(str(error), fact.evidence)


def json_list(output: str) -> list[dict[str, Any]]:
    """A JSON list of objects, as ``ip -json`` and ``docker inspect`` print it.

    Raises:
        Unreadable: it is something else. Old versions of ``ip`` print nothing where they mean an
            empty list; that is not accepted, since a tool that died early prints nothing as well.
    """
    try:
        document = json.loads(output)
    except ValueError as error:
        raise Unreadable(f"no JSON: {error}") from error
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise Unreadable("no JSON list of objects")
    return document


def json_object(output: str) -> dict[str, Any]:
    """One JSON object, as ``docker info --format '{{json .}}'`` prints it; else ``Unreadable``."""
    try:
        document = json.loads(output)
    except ValueError as error:
        raise Unreadable(f"no JSON: {error}") from error
    if not isinstance(document, dict):
        raise Unreadable("no JSON object")
    return document
