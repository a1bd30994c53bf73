"""A number that the kernel can be told: ``sysctl -n NAME``, in the vantage's own network."""

from __future__ import annotations

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
