"""Numbers that the kernel can be told, in the vantage's own network: ``sysctl -n NAME`` for one, and
``sysctl -a -r PATTERN`` for all whose names match.

Source of the format: sysctl(8) of procps 4.0: ``NAME = VALUE`` a line. It writes the dot in the name
of a link (a VLAN's) as a slash. Where no name matches it prints nothing, with status 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from hostonly.facts.batch import Look, look
from hostonly.facts.fact import Fact, Unreadable, observe
from hostonly.vantages import Vantage

FORWARDING6 = "net.ipv6.conf.all.forwarding"


def observe_sysctl(vantage: Vantage, name: str) -> Fact[int]:
    """The value of ``name`` at ``vantage``."""
    return observe(vantage, ["sysctl", "-n", name], parse)


def parse(output: str) -> int:
    """Read it; ``Unreadable`` where it is no number."""
    try:
        return int(output)
    except ValueError as error:
        raise Unreadable(repr(output[:80])) from error


def sysctls_look(pattern: str) -> Look[Mapping[str, int]]:
    """The values of all names that the regular expression ``pattern`` is found in."""
    return look(["sysctl", "-a", "-r", pattern], parse_all)


def observe_sysctls(vantage: Vantage, pattern: str) -> Fact[Mapping[str, int]]:
    """The same at ``vantage``."""
    return observe(vantage, sysctls_look(pattern).argv, parse_all)


def parse_all(output: str) -> Mapping[str, int]:
    """Read ``sysctl -a``; ``Unreadable`` where a line is none of a name and a number."""
    found = {}
    for line in output.splitlines():
        name, equals, value = line.partition(" = ")
        if not equals:
            raise Unreadable(f"line {line!r}")
        found[name] = parse(value)
    return found
