"""VXLAN packets, read from captured output of tcpdump on two sandboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from hostonly.facts import Unreadable, observe
from hostonly.facts.vxlan import Frame, parse, vxlan, watching
from hostonly.testing import FakeVantage
from hostonly.vantages import shown

Captured = Callable[[str], str]
IDLE = 'p_raw 0 0 *:eth0 * users:(("dhclient",pid=8,fd=4))\n'
WATCHING = 'p_dgr 0      0      *:* * users:(("tcpdump",pid=8130,fd=4))\n'


def test_what_passed_the_first_sandbox(captured: Captured) -> None:
    frames = parse(captured("vxlan/sandbox.txt"))
    assert len(frames) == 20
    assert frames[0] == Frame(
        "eth1",
        "Out",
        "172.16.0.2",
        "172.16.0.3",
        4097,
        ("10.0.1.2.40936", "10.0.1.4.8080"),
    )
    assert Counter(frame.direction for frame in frames) == {"Out": 11, "In": 9}


def test_the_second_sandbox_saw_the_same_from_the_other_side(captured: Captured) -> None:
    here, there = parse(captured("vxlan/sandbox.txt")), parse(captured("vxlan/sandbox2.txt"))
    assert [frame.inner for frame in here] == [frame.inner for frame in there]
    assert all(one.direction != other.direction for one, other in zip(here, there, strict=True))


def test_no_packet_is_an_observation() -> None:
    assert parse("") == ()


def test_other_passengers() -> None:
    outer = "docker0 M   IP 172.16.0.2.1 > 239.0.0.1.4789: VXLAN, flags [I] (0x08), vni 7\n"
    (arp,) = parse(outer + "ARP, Request who-has 10.0.1.4 tell 10.0.1.2, length 28\n")
    assert (arp.interface, arp.direction, arp.network, arp.inner) == ("docker0", "M", 7, None)
    (icmp,) = parse(outer + "IP 10.0.1.2 > 10.0.1.4: ICMP echo request, id 1, seq 1, length 64\n")
    assert icmp.inner is None


def test_a_packet_that_is_no_vxlan() -> None:
    (frame,) = parse("eth1  Out IP 172.16.0.2.54703 > 172.16.0.3.4789: VXLAN (invalid)\n")
    assert (frame.network, frame.inner) == (None, None)


@pytest.mark.parametrize(
    "output",
    [
        "tcpdump: eth9: No such device exists\n",
        "IP 10.0.1.2.45038 > 10.0.1.4.8080: Flags [S], length 0\n",
        "eth1  Out IP 172.16.0.2.68 > 255.255.255.255.67: BOOTP/DHCP, Request\n",
    ],
)
def test_what_is_not_understood_is_not_passed_over(output: str) -> None:
    with pytest.raises(Unreadable):
        parse(output)


@pytest.mark.parametrize(("output", "there"), [(IDLE, False), ("", False), (WATCHING, True)])
def test_whether_somebody_watches(output: str, there: bool) -> None:
    assert observe(FakeVantage(otherwise=output), watching()).value_or(None) is there


def test_watching_ends_by_itself() -> None:
    asked = vxlan(20, 60)
    line = shown(asked.command())
    assert line.startswith("sudo timeout --preserve-status --signal INT 60 tcpdump ")
    assert asked.timeout > 60
    assert line.endswith(" -c 20 udp port 4789")
