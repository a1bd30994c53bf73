"""The kernel's switches, as the vantage's own network has them: ``sysctl -n NAME``.

``sysctl -a -r PATTERN`` gives all whose names match. Source of the format: sysctl(8) of procps 4.0:
``NAME = VALUE`` a line. It writes the dot in the name of a link (a VLAN's) as a slash. Where no
name matches it prints nothing, with status 0."""

from __future__ import annotations

from collections.abc import Mapping

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

FORWARDING6 = "net.ipv6.conf.all.forwarding"


def sysctl(name: str) -> Question[int]:
    """Ask for the value of ``name``."""
    return question(["sysctl", "-n", name], parse)


def parse(output: str) -> int:
    """Read the number that ``sysctl -n`` prints."""
    try:
        return int(output)
    except ValueError as error:
        raise Unreadable(repr(output[:80])) from error


def sysctls(pattern: str) -> Question[Mapping[str, int]]:
    """Ask for the values of all names that the regular expression ``pattern`` is found in."""
    return question(["sysctl", "-a", "-r", pattern], parse_all)


def parse_all(output: str) -> Mapping[str, int]:
    """Read what ``sysctl -a`` prints: a name and a number on each line."""
    found = {}
    for line in output.splitlines():
        name, equals, value = line.partition(" = ")
        if not equals:
            raise Unreadable(f"line {line!r}")
        found[name] = parse(value)
    return found
