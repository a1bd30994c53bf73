"""Numbers that the kernel can be told, as sysctl(8) of procps 4.0 printed them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import NotObserved, Observed, Unreadable, observe
from hostonly.facts.sysctl import FORWARDING6, parse, parse_all, sysctl, sysctls
from hostonly.testing import FakeVantage

Captured = Callable[[str], str]


def test_a_number(captured: Captured) -> None:
    told = FakeVantage(otherwise=captured("sysctl/forwarding.txt"))
    assert observe(told, sysctl(FORWARDING6)).value_or(None) == 0
    assert told.ran == ["sysctl -n net.ipv6.conf.all.forwarding"]


def test_a_name_that_the_kernel_has_not(captured: Captured) -> None:
    refused = FakeVantage(otherwise=(255, "", captured("sysctl/no-such.stderr")))
    fact = observe(refused, sysctl("net.no.such"))
    assert isinstance(fact, NotObserved) and "No such file or directory" in fact.because


def test_all_names_of_a_pattern(captured: Captured) -> None:
    told = FakeVantage(otherwise=captured("sysctl/disable-ipv6.txt"))
    fact = observe(told, sysctls(r"disable_ipv6$"))
    assert isinstance(fact, Observed)
    links = [name.removeprefix("net.ipv6.conf.").partition(".")[0] for name in fact.value]
    # A link's dot is a slash.
    assert links == ["all", "c", "default", "eth0/7", "lo"]
    assert set(fact.value.values()) == {0}
    # Where no name matches nothing is printed.
    assert parse_all("") == {}


@pytest.mark.parametrize("output", ["", "yes\n", "1 2\n"])
def test_what_is_no_number(output: str) -> None:
    with pytest.raises(Unreadable):
        parse(output)


@pytest.mark.parametrize("output", ["what\n", "net.ipv4.ip_forward = maybe\n"])
def test_what_is_no_name_with_a_number(output: str) -> None:
    with pytest.raises(Unreadable):
        parse_all(output)
