"""HelloSocket's line: ``Hello NAME! (n)``."""

from __future__ import annotations

import re
from dataclasses import dataclass

# As many digits as a count of 64 bits has; more would keep a client busy with reading them.
GREETING = re.compile(r"Hello (?P<name>.*)! \((?P<count>[0-9]{1,19})\)")


@dataclass(frozen=True, slots=True)
class Greeting:
    """A line of HelloSocket: the ``name`` it greets, and the ``count`` of connections so far."""

    name: str
    count: int


def greeting_in(said: str) -> Greeting | None:
    """Return the greeting that ``said`` is, with or without end of line; None for other text."""
    match = GREETING.fullmatch(said.removesuffix("\n"))
    return Greeting(match["name"], int(match["count"])) if match else None


def greeting_of(data: bytes) -> Greeting | None:
    """Return the greeting where ``data`` is exactly its line, in UTF-8 with its end; else None."""
    try:
        found = greeting_in(data.decode())
    except UnicodeDecodeError:
        return None
    return found if found and data == line_of(found) else None


def line_of(greeting: Greeting) -> bytes:
    """Return the bytes that HelloSocket sends for ``greeting``."""
    return f"Hello {greeting.name}! ({greeting.count})\n".encode()
