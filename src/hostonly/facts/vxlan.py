"""VXLAN packets as they pass: ``tcpdump -t -l -n -n -i any udp port 4789``.

Source of the format: tcpdump(8) 4.99 on a Linux cooked capture (``print.c``, ``print-vxlan.c``):
for each packet its interface, ``In``, ``Out`` or another direction, addresses and ports, then
``VXLAN, flags [I] (0x08), vni N``; the packet inside follows on lines of its own. A kernel's VXLAN
device is in an overlay network's own namespace, so on the sandbox each packet is seen once, on the
link by which it comes or goes. RFC 7348."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question
from hostonly.waiting import limit

PORT = 4789
# Beyond the seconds of watching, until it has begun and has told.
SPARE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One VXLAN packet.

    ``direction`` is tcpdump's: ``In``, ``Out``. ``network`` is the VXLAN's own number (VNI), None
    where the packet is no proper VXLAN. ``inner`` is what it carries, source and destination with
    their ports, where that is IPv4 with ports."""

    interface: str
    direction: str
    source: str
    destination: str
    network: int | None
    inner: tuple[str, str] | None = None


def vxlan(count: int, seconds: int) -> Question[tuple[Frame, ...]]:
    """Ask for the next ``count`` packets on every link, or those of the next ``seconds``."""
    # Status 0 in both cases.
    ended = ["timeout", "--preserve-status", "--signal", "INT", f"{limit(seconds):.0f}"]
    watch = ["tcpdump", "-t", "-l", "-n", "-n", "-i", "any", "-c", str(count)]
    argv = [*ended, *watch, "udp", "port", str(PORT)]
    return question(argv, parse, root=True, timeout=seconds + SPARE_SECONDS)


def watching() -> Question[bool]:
    """Ask whether a tcpdump has its socket open, so that nothing passes it unseen."""
    return question(["ss", "-H", "-0", "-p"], lambda output: '(("tcpdump",' in output, root=True)


OUTER = re.compile(
    r"(?P<interface>\S+)\s+(?P<direction>In|Out|B|M|P)\s+IP6? "
    r"(?P<source>\S+)\.\d+ > (?P<destination>\S+)\.\d+: VXLAN(?P<rest>.*)"
)
NETWORK = re.compile(r"\bvni (\d+)\b")
# What is inside a packet, in tcpdump's words for Ethernet's usual passengers; and its hex dump.
CARRIED = re.compile(r"IP (\d+(?:\.\d+){4}) > (\d+(?:\.\d+){4}): .*")
INNER = re.compile(r"(IP|IP6|ARP|LLDP|STP)[ ,].*|\s+\S.*|[0-9a-f:]{17} > .*")


def parse(output: str) -> tuple[Frame, ...]:
    """Read what tcpdump printed, oldest first; no line at all means that no packet came by."""
    frames: list[Frame] = []
    for line in output.splitlines():
        if match := OUTER.fullmatch(line.strip()):
            network = NETWORK.search(match["rest"])
            frames.append(
                Frame(
                    match["interface"],
                    match["direction"],
                    match["source"],
                    match["destination"],
                    int(network[1]) if network else None,
                )
            )
        elif frames and (carried := CARRIED.fullmatch(line)):
            frames[-1] = replace(frames[-1], inner=(carried[1], carried[2]))
        elif line.strip() and not (frames and INNER.fullmatch(line)):
            raise Unreadable(f"line {line!r}")
    return tuple(frames)
