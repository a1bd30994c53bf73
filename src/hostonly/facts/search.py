"""What find(1) found, and which folders it could not open.

A search that may not read a folder goes on, and ends with status 1: that folder is part of its
answer. A folder that went between being seen and being opened was not there. Anything else that
goes wrong means that nothing is known.

Source: find(1) and stat(1) of findutils 4.9 and coreutils 9.1: one message a line, on stderr."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# Shell: a command line. Its messages are printed with its output; a status above 1 is no search's.
_WITH_MESSAGES = '"$@" 2>&1; status=$?; test $status -gt 1 && exit $status; exit 0'
# The name is in quotes as the locale has them.
_MESSAGE = re.compile(r"(?:find|stat): (?:cannot statx? )?.(?P<path>/.*).: (?P<why>[^:]+)")
_CLOSED = ("Permission denied", "Operation not permitted")
_GONE = ("No such file or directory", "Not a directory", "No such process")


@dataclass(frozen=True, slots=True)
class Found(Generic[T_co]):
    """What a search found; ``closed`` are the paths of folders that it could not open."""

    what: T_co
    closed: tuple[str, ...] = ()


def search(argv: Sequence[str], parse: Callable[[str], T]) -> Question[Found[T]]:
    """Ask what ``argv``, a search by ``find``, finds; ``parse`` reads the lines about that."""
    return question(
        ["sh", "-c", _WITH_MESSAGES, "search", *argv], lambda output: read_search(output, parse)
    )


def read_search(output: str, parse: Callable[[str], T]) -> Found[T]:
    """Read what ``find`` printed, its messages included.

    Raises:
        Unreadable: a message says something else than that a folder is closed or gone, or ``parse``
            does not understand the rest.
    """
    lines, closed = [], []
    for line in output.splitlines():
        message = _MESSAGE.fullmatch(line)
        if message is None:
            lines.append(line)
        elif message["why"] in _CLOSED:
            closed.append(message["path"])
        elif message["why"] not in _GONE:
            raise Unreadable(f"line {line!r}")
    return Found(parse("".join(f"{line}\n" for line in lines)), tuple(closed))
