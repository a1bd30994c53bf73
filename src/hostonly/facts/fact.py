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
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class NotObserved:
    """A fact without a value: ``because`` is half a sentence, ``evidence`` is what was tried."""

    because: str
    evidence: tuple[Result, ...] = ()

    def value_or(self, default: T) -> T:
        """Return the ``default``, since there is no value."""
        return default


Fact: TypeAlias = Observed[T] | NotObserved


class Unreadable(ValueError):
    """The error of a parser for output that it does not understand; the text says what."""


def read(result: Result, parse: Callable[[str], T]) -> Fact[T]:
    """Make a fact of a ``result`` that is there already.

    Anything but exit status 0 and standard output that ``parse`` understands gives ``NotObserved``:
    an absent tool or a refused permission must never look like an empty list."""
    if not result.ok:
        return NotObserved(result.failure, (result,))
    try:
        return Observed(parse(result.stdout), (result,))
    except Unreadable as error:
        return NotObserved(f"`{result.command}` printed what cannot be read: {error}", (result,))


def settled(
    look: Callable[[], Fact[T]], satisfied: Callable[[T], bool], *, seconds: float
) -> Fact[T]:
    """Look until ``satisfied`` or the limit of ``seconds``; return what was seen last.

    A look where nothing was observed ends it as well."""
    return until(look, lambda fact: isinstance(fact, NotObserved) or satisfied(fact.value), seconds)


def together(facts: Sequence[Fact[T]]) -> Fact[tuple[T, ...]]:
    """Make one fact of several, in order; it is not observed where one of them was not."""
    evidence = tuple(dict.fromkeys(result for fact in facts for result in fact.evidence))
    missing = [fact.because for fact in facts if isinstance(fact, NotObserved)]
    if missing:
        return NotObserved("; ".join(dict.fromkeys(missing)), evidence)
    return Observed(tuple(fact.value for fact in facts if isinstance(fact, Observed)), evidence)


def select(fact: Fact[T], choose: Callable[[T], U]) -> Fact[U]:
    """Return the part of ``fact`` that ``choose`` picks, with the same evidence.

    Where the part is not there ``choose`` raises ``Unreadable``; the part is then not observed."""
    if isinstance(fact, NotObserved):
        return fact
    try:
        return Observed(choose(fact.value), fact.evidence)
    except Unreadable as error:
        return NotObserved(str(error), fact.evidence)


def json_list(output: str) -> list[dict[str, Any]]:
    """Read a JSON list of objects, as ``ip -json`` and ``docker inspect`` print it.

    Raises:
        Unreadable: the output is something else. Old versions of ``ip`` print nothing where they
            mean an empty list; that is not accepted, since a tool that died early prints nothing as
            well.
    """
    try:
        document = json.loads(output)
    except ValueError as error:
        raise Unreadable(f"no JSON: {error}") from error
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise Unreadable("no JSON list of objects")
    return document


def json_object(output: str) -> dict[str, Any]:
    """Read one JSON object, as ``docker info --format '{{json .}}'`` prints it."""
    try:
        document = json.loads(output)
    except ValueError as error:
        raise Unreadable(f"no JSON: {error}") from error
    if not isinstance(document, dict):
        raise Unreadable("no JSON object")
    return document
