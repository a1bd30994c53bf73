"""A question to a vantage, and the one door by which it is asked.

A fact's module gives the question as a value: the command, and the pure function that reads its
result. ``observe`` asks one, ``observe_all`` asks many in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from hostonly.errors import Unreachable
from hostonly.facts.batch import COMMAND_SECONDS, run_at_once
from hostonly.facts.fact import Fact, NotObserved, read
from hostonly.vantages import Result, Vantage

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# What is written before a command that only root may run, unless whoever asks says otherwise.
ROOT = ("sudo",)


@dataclass(frozen=True, slots=True)
class Question(Generic[T_co]):
    """A command that changes nothing, and the function that reads its result.

    ``read`` is pure. It gives the fact or, where one command does not tell all, the next question
    for the same vantage; the last reader decides what the evidence is. ``root`` says that only root
    may run the command. ``timeout`` is its limit in seconds."""

    argv: tuple[str, ...]
    read: Callable[[Result], Fact[T_co] | Question[T_co]]
    root: bool = False
    timeout: float = COMMAND_SECONDS

    def command(self, root: Sequence[str] = ROOT) -> list[str]:
        """Return the command line, with ``root`` before it where only root may run it."""
        return [*(root if self.root else ()), *self.argv]

    def behind(self, *prefix: str, place: str | None = None) -> Question[T_co]:
        """Return the same question, with the words of ``prefix`` before its command.

        The words lead to another place (``nsenter``, say); the evidence calls it ``place``, if
        given."""

        def read_there(result: Result) -> Fact[T_co] | Question[T_co]:
            answer = self.read(replace(result, vantage=place or result.vantage))
            return answer.behind(*prefix, place=place) if isinstance(answer, Question) else answer

        return Question((*prefix, *self.command()), read_there, timeout=self.timeout)


def question(
    argv: Sequence[str],
    parse: Callable[[str], T],
    *,
    root: bool = False,
    timeout: float = COMMAND_SECONDS,
) -> Question[T]:
    """Make a question whose command must end with status 0 and print what ``parse`` understands."""
    return Question(tuple(argv), lambda result: read(result, parse), root, timeout)


def observe(vantage: Vantage, question: Question[T], *, root: Sequence[str] = ROOT) -> Fact[T]:
    """Ask ``question`` at ``vantage`` and return the fact.

    ``root`` are the words before a command that only root may run; none where we are root."""
    ran: tuple[Result, ...] = ()
    answer: Fact[T] | Question[T] = question
    while isinstance(answer, Question):
        try:
            result = vantage.run(answer.command(root), timeout=answer.timeout)
        except Unreachable as error:
            return NotObserved(str(error), ran)
        ran, answer = (*ran, result), answer.read(result)
    return answer


def observe_all(
    vantage: Vantage,
    questions: Mapping[K, Question[Any]],
    *,
    root: Sequence[str] = ROOT,
    timeout: float = COMMAND_SECONDS,
) -> dict[K, Fact[Any]]:
    """Ask all ``questions`` at ``vantage`` in one round trip, and return the facts by their keys.

    Those that lead to another question take a second round trip together. Every command has the
    longest limit: ``timeout`` seconds, or more where a question asks for more. ``root`` are the
    words before a command that only root may run; none where we are root."""
    facts: dict[K, Fact[Any]] = {}
    ran: dict[K, tuple[Result, ...]] = dict.fromkeys(questions, ())
    asked = dict(questions)
    while asked:
        longest = max(timeout, *(each.timeout for each in asked.values()))
        commands = [each.command(root) for each in asked.values()]
        try:
            results = run_at_once(vantage, commands, timeout=longest)
        except Unreachable as error:
            facts |= {key: NotObserved(str(error), ran[key]) for key in asked}
            break
        answers = {
            key: each.read(result)
            for (key, each), result in zip(asked.items(), results, strict=True)
        }
        ran = {key: (*ran[key], result) for key, result in zip(asked, results, strict=True)}
        facts |= {key: each for key, each in answers.items() if not isinstance(each, Question)}
        asked = {key: each for key, each in answers.items() if isinstance(each, Question)}
    return {key: facts[key] for key in questions}
