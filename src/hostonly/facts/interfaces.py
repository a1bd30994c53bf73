"""The interfaces of a network namespace: ``ip -json addr``, or ``ip addr`` as a person sees it.

Sources of the formats: ip-address(8) of iproute2 6.1 (``ipaddr.c``), which prints JSON with
``-json``; busybox 1.35 ``ip addr`` (``networking/libiproute/ipaddress.c``), which has no JSON and
whose text is iproute2's with some fields left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any

from hostonly.facts.fact import Fact, Unreadable, json_list, read
from hostonly.facts.questions import Question, question
from hostonly.vantages import Result


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """An ``interface`` (address with prefix); ``scope`` is ``global``, ``link`` or ``host``."""

    interface: str
    scope: str

    @property
    def value(self) -> IPv4Interface | IPv6Interface:
        """The address as an object of the standard library."""
        return ip_interface(self.interface)


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a network namespace.

    ``index`` is the kernel's number, ``mac`` empty where the link has none, ``mtu`` in bytes.
    ``peer`` is what stands after the ``@``: the other end or the parent."""

    index: int
    name: str
    mac: str
    mtu: int
    flags: frozenset[str]
    addresses: tuple[Address, ...]
    peer: str | None = None

    @property
    def up(self) -> bool:
        """Whether the administrator has set the interface up."""
        return "UP" in self.flags


def interfaces() -> Question[tuple[Interface, ...]]:
    """Ask for the interfaces that the vantage sees, in the kernel's order."""
    return question(["ip", "-json", "addr"], parse)


def tentative() -> Question[tuple[str, ...]]:
    """Ask for the IPv6 addresses that the kernel does not use yet.

    The kernel still asks whether somebody else has them (RFC 4862)."""

    def addresses(output: str) -> tuple[str, ...]:
        return tuple(a.interface for each in parse(output) for a in each.addresses)

    return question(["ip", "-6", "-json", "addr", "show", "tentative"], addresses)


def listed_in(result: Result) -> Fact[tuple[Interface, ...]]:
    """Read the interfaces in the ``result`` of an ``ip addr`` that was run already, as a step."""
    return read(result, parse_text)


def parse(output: str) -> tuple[Interface, ...]:
    """Read ``ip -json addr``.

    Raises:
        Unreadable: a field that every version prints is missing.
    """
    try:
        # With some versions an interface that a filter left out is an empty object.
        return tuple(_interface(item) for item in json_list(output) if item)
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"no interface: {error!r}") from error


def _interface(item: dict[str, Any]) -> Interface:
    peer = item.get("link")
    if peer is None and "link_index" in item:
        peer = f"if{item['link_index']}"
    return Interface(
        index=int(item["ifindex"]),
        name=str(item["ifname"]),
        mac=str(item.get("address", "")),
        mtu=int(item["mtu"]),
        flags=frozenset(item["flags"]),
        addresses=tuple(
            Address(f"{ip_interface((a['local'], a['prefixlen']))}", str(a["scope"]))
            for a in item["addr_info"]
            if a
        ),
        peer=peer,
    )


HEAD = re.compile(r"(\d+): ([^\s@:]+)(?:@([^\s:]+))?: <([^>]*)> mtu (\d+)\b")
LINK = re.compile(r"\s+link/\S+(?: ((?:[0-9a-f]{2}:)+[0-9a-f]{2}|[0-9.]+))?")
ADDRESS = re.compile(r"\s+inet6? (\S+)(?: peer (\S+))?(?: brd \S+)?(?: metric \d+)? scope (\S+)")
DETAIL = re.compile(r"\s+(valid_lft|altname|permaddr)\b")


@dataclass(slots=True)
class _Block:
    """An interface whose lines are still being read."""

    head: re.Match[str]
    mac: str = ""
    addresses: list[Address] = field(default_factory=list)

    def finished(self) -> Interface:
        index, name, peer, flags, mtu = self.head.groups()
        return Interface(
            int(index),
            name,
            self.mac,
            int(mtu),
            frozenset(flags.split(",")),
            tuple(self.addresses),
            peer,
        )


def parse_text(output: str) -> tuple[Interface, ...]:
    """Read ``ip addr`` of iproute2 or busybox."""
    blocks: list[_Block] = []
    for line in output.splitlines():
        if head := HEAD.match(line):
            blocks.append(_Block(head))
        elif blocks and (link := LINK.match(line)):
            blocks[-1].mac = link.group(1) or ""
        elif blocks and (address := ADDRESS.match(line)):
            local, peer, scope = address.groups()
            # On a point-to-point link the prefix length is the peer's.
            if peer and "/" in peer:
                local = f"{local}/{peer.rpartition('/')[2]}"
            try:
                blocks[-1].addresses.append(Address(str(ip_interface(local)), scope))
            except ValueError as error:
                raise Unreadable(f"line {line!r}") from error
        elif not (blocks and DETAIL.match(line)):
            raise Unreadable(f"line {line!r}")
    if not blocks:
        raise Unreadable("no interface at all, not even lo")
    return tuple(block.finished() for block in blocks)
