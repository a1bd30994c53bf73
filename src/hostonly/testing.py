r"""Vantages without a machine behind them, for tests of what looks from one: ours and yours.

A fact, a claim, a check or a demo that is given one of these runs as it is, and sees what was recorded:

    >>> from hostonly.testing import FakeVantage
    >>> from hostonly.vantages import Container
    >>> sandbox = FakeVantage({"docker exec web hostname": "web\n"})
    >>> Container(sandbox, "web").run(["hostname"]).stdout
    'web\n'
    >>> sandbox.ran
    ['docker exec web hostname']
    >>> sandbox.run(["reboot"])
    Traceback (most recent call last):
    AssertionError: sandbox$ reboot: no answer is recorded, or none is left
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import TypeAlias

from hostonly.facts.batch import PRELUDE
from hostonly.vantages import Result, shown

# What a command gives: its output, with status 0; its status and both streams; a result as it was
# recorded, which keeps the command, the place and the time it has; or what is raised instead, such as
# ``Unreachable``.
Answer: TypeAlias = str | tuple[int, str, str] | Result | BaseException


class FakeVantage:
    """A vantage that gives recorded answers, notes what is run, and refuses what it does not know.

    ``answers`` has the answer of each command, as a person would type it (``ran`` has them in this form,
    too): one for every time, or several, a list, which are used up one by one. ``otherwise`` has that to all
    other commands, or those; without it they raise ``AssertionError``. Where an answer depends on what was run
    before, override ``answer``.

    What ``observe_all`` asks in one round trip is answered, and noted, command by command.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer | Iterable[Answer]] | None = None,
        *,
        name: str = "sandbox",
        prompt: str | None = None,
        otherwise: Answer | Iterable[Answer] | None = None,
    ) -> None:
        self.name, self.prompt = name, prompt or name
        self.answers = {line: _one_by_one(given) for line, given in (answers or {}).items()}
        self.otherwise = iter(()) if otherwise is None else _one_by_one(otherwise)
        self.ran: list[str] = []

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Give the answer to ``argv`` as its result."""
        commands = [] if shown(argv) in self.answers else _commands(argv)
        if not commands:
            return self._result(argv)
        told = [_told(number, self._result(each)) for number, each in enumerate(commands)]
        return Result(self.name, self.prompt, "sh", 0, "".join(told), "", 0.0)

    def answer(self, argv: list[str]) -> Answer:
        """The answer to a command.

        Raises:
            AssertionError: there is none.
        """
        line = shown(argv)
        found = next(self.answers.get(line, self.otherwise), None)
        if found is None:
            raise AssertionError(f"{self.name}$ {line}: no answer is recorded, or none is left")
        return found

    def _result(self, argv: Sequence[str]) -> Result:
        self.ran.append(shown(argv))
        answer = self.answer(list(argv))
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Result):
            return answer
        exit, stdout, stderr = (0, answer, "") if isinstance(answer, str) else answer
        return Result(self.name, self.prompt, shown(argv), exit, stdout, stderr, 0.0)


def _one_by_one(given: Answer | Iterable[Answer]) -> Iterator[Answer]:
    return repeat(given) if isinstance(given, str | tuple | Result | BaseException) else iter(given)


def _commands(argv: Sequence[str]) -> list[list[str]]:
    """The commands of a round trip for several (facts/batch.py); none of another command."""
    if len(argv) != 3 or PRELUDE not in argv[2]:
        return []
    calls = re.split(r"(?:^| &\n)(?:job \d+ |wait$)", argv[2].partition(f"{PRELUDE}\n")[2])
    return [shlex.split(call) for call in calls[1:-1]]


def _told(number: int, result: Result) -> str:
    """What the shell of such a round trip says of one command."""
    streams = {"out": result.stdout, "err": result.stderr}
    pieces = [
        f"{number} {stream} {base64.b64encode(text.encode()).decode()}\n"
        for stream, text in streams.items()
        if text
    ]
    return "".join([*pieces, f"{number} exit {result.exit} 0 {result.seconds}\n"])
