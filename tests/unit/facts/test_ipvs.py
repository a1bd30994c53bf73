"""Whether IPVS may be set up from a user namespace, by what the kernel says of its commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import Unreadable
from hostonly.facts.ipvs import parse

FIRST = "         0          0 4294967295\n"
OWN = "         0    1000000      65536\n"


@pytest.mark.parametrize(
    ("ids", "family", "allowed"),
    [
        (FIRST, "admin", True),
        (OWN, "admin", False),
        (FIRST, "uns_admin", True),
        (OWN, "uns_admin", True),
    ],
)
def test_who_may(captured: Callable[[str], str], ids: str, family: str, allowed: bool) -> None:
    assert parse(ids + captured(f"ipvs/{family}")) is allowed


@pytest.mark.parametrize(
    "output", ["", OWN, FIRST, "cat: no such file\n", OWN + "Name: IPVS\n\tID: 0x25\n"]
)
def test_what_tells_nothing(output: str) -> None:
    with pytest.raises(Unreadable):
        parse(output)
