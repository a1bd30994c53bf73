"""A fact: a typed value with the evidence it was read from, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from hostonly.errors import Unreachable
from hostonly.vantages import Result, Vantage

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Observed(Generic[T_co]):
    """A value read from ``evidence``."""

    value: T_co
    evidence: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class NotObserved:
    """Nothing is known: ``because`` is a half sentence; ``evidence`` is what was tried."""

    because: str
    evidence: tuple[Result, ...] = ()


Fact: TypeAlias = Observed[T] | NotObserved


class Unreadable(ValueError):
    """A parser met output that it does not understand; its text says what."""


def observe(
    vantage: Vantage,
    argv: Sequence[str],
    parse: Callable[[str], T],
    *,
    timeout: float = 30.0,
) -> Fact[T]:
    """Run ``argv`` at ``vantage`` and read its standard output with ``parse``.

    Anything but exit status 0 and output that ``parse`` understands gives ``NotObserved``: an
    absent tool or a refused permission must never look like an empty list.
    """
    try:
        result = vantage.run(argv, timeout=timeout)
    except Unreachable as error:
        return NotObserved(str(error))
    if not result.ok:
        last = (result.stderr.strip() or result.stdout.strip()).splitlines()
        why = f": {last[-1]}" if last else ""
        return NotObserved(f"`{result.command}` exited with {result.exit}{why}", (result,))
    try:
        return Observed(parse(result.stdout), (result,))
    except Unreadable as error:
        return NotObserved(f"`{result.command}` printed what cannot be read: {error}", (result,))
