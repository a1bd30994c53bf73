"""The name servers that a place asks: ``cat /etc/resolv.conf``.

Source of the format: resolv.conf(5): a keyword and its values a line; ``#`` and ``;`` begin a
comment; the last ``search`` counts."""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

# The engine's own resolver, which it gives to containers on networks that a user made.
EMBEDDED = "127.0.0.11"
KEYWORDS = frozenset({"nameserver", "search", "domain", "options", "sortlist"})


@dataclass(frozen=True, slots=True)
class Resolver:
    """The settings of a resolver; ``nameservers`` are asked in order, and none means localhost."""

    nameservers: tuple[str, ...]
    search: tuple[str, ...]
    options: tuple[str, ...]


def resolver() -> Question[Resolver]:
    """Ask which name servers the vantage asks."""
    return question(["cat", "/etc/resolv.conf"], parse)


def parse(output: str) -> Resolver:
    """Read a resolv.conf.

    Raises:
        Unreadable: the manual does not know a keyword, or one has no value.
    """
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    for line in output.splitlines():
        words = line.split()
        if not words or words[0].startswith(("#", ";")):
            continue
        keyword, values = words[0], words[1:]
        if keyword not in KEYWORDS or not values:
            raise Unreadable(f"line {line!r}")
        if keyword == "nameserver":
            nameservers.append(values[0])
        elif keyword in ("search", "domain"):
            search = tuple(values)
        elif keyword == "options":
            options += values
    return Resolver(tuple(nameservers), search, tuple(options))
