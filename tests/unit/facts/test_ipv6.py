"""Whether a link has IPv6, and which switch takes it."""

from __future__ import annotations

import pytest

from hostonly.facts import NotObserved, observe
from hostonly.facts.ipv6 import ipv6_off, off
from hostonly.facts.sysctl import parse_all
from hostonly.testing import FakeVantage

# As `sysctl -a` prints it; a VLAN's dot is a slash.
ON = """\
net.ipv6.conf.all.disable_ipv6 = 0
net.ipv6.conf.default.disable_ipv6 = 0
net.ipv6.conf.hostonly0.disable_ipv6 = 0
net.ipv6.conf.up/7.disable_ipv6 = 0
"""


def turned(*links: str) -> dict[str, int]:
    names = [f"net.ipv6.conf.{link}.disable_ipv6" for link in links]
    return {**parse_all(ON), **dict.fromkeys(names, 1)}


@pytest.mark.parametrize(
    ("switches", "link", "says"),
    [
        (turned(), "hostonly0", None),
        (turned(), "up.7", None),
        # The link's own counts: somebody has switched it on again.
        (turned("all", "default"), "hostonly0", None),
        (
            turned("all", "default", "hostonly0"),
            "hostonly0",
            "on the host: net.ipv6.conf.all.disable_ipv6 is 1; to switch it on again: sudo sysctl -w"
            " net.ipv6.conf.all.disable_ipv6=0",
        ),
        (
            turned("hostonly0"),
            "hostonly0",
            "host's hostonly0: net.ipv6.conf.hostonly0.disable_ipv6",
        ),
        (turned("up/7"), "up.7", "sysctl -w net.ipv6.conf.up/7.disable_ipv6=0"),
        (turned("default"), "default", "the host's new links: net.ipv6.conf.default.disable_ipv6"),
        (turned(), "small", "no net.ipv6.conf.small.disable_ipv6 (is its MTU below 1280?)"),
        ({}, "hostonly0", "the host's kernel has no IPv6: there is no /proc/sys/net/ipv6"),
    ],
)
def test_the_switch_is_named(switches: dict[str, int], link: str, says: str | None) -> None:
    because = off(switches, link, "host", "host")
    assert because is None if says is None else says in str(because)


def test_in_a_sandbox_the_command_goes_there() -> None:
    because = off(turned("hostonly0"), "hostonly0", "sandbox2", "sandbox2")
    assert "./inv sandbox.exec --machine sandbox2 -- sudo sysctl -w" in str(because)


def test_it_is_asked_of_the_machine_that_it_is_said_of() -> None:
    told = FakeVantage(otherwise=ON.replace("0.disable_ipv6 = 0", "0.disable_ipv6 = 1"))
    because = observe(told, ipv6_off("hostonly0")).value_or(None)
    assert because is not None and because.startswith(
        "IPv6 is switched off on the sandbox's hostonly0"
    )
    assert observe(FakeVantage(otherwise=ON), ipv6_off("hostonly0")).value_or("unknown") is None
    assert isinstance(
        observe(FakeVantage(otherwise=(1, "", "")), ipv6_off("hostonly0")), NotObserved
    )
