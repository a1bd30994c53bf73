"""Numbers that the kernel can be told, in the vantage's own network: ``sysctl -n NAME`` for one, and
``sysctl -a -r PATTERN`` for all whose names match.

Source of the format: sysctl(8) of procps 4.0: ``NAME = VALUE`` a line. It writes the dot in the name
of a link (a VLAN's) as a slash. Where no name matches it prints nothing, with status 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

FORWARDING6 = "net.ipv6.conf.all.forwarding"


def sysctl(name: str) -> Question[int]:
    """The value of ``name``."""
    return question(["sysctl", "-n", name], parse)


def parse(output: str) -> int:
    """Read it; ``Unreadable`` where it is no number."""
    try:
        return int(output)
    except ValueError as error:
        raise Unreadable(repr(output[:80])) from error


def sysctls(pattern: str) -> Question[Mapping[str, int]]:
    """The values of all names that the regular expression ``pattern`` is found in."""
    return question(["sysctl", "-a", "-r", pattern], parse_all)


def parse_all(output: str) -> Mapping[str, int]:
    """Read ``sysctl -a``; ``Unreadable`` where a line is none of a name and a number."""
    found = {}
    for line in output.splitlines():
        name, equals, value = line.partition(" = ")
        if not equals:
            raise Unreadable(f"line {line!r}")
        found[name] = parse(value)
    return found
