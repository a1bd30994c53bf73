"""What a container's resolver says about a name: ``nslookup -timeout=1 NAME`` inside it.

Source of the format: busybox 1.35 ``networking/nslookup.c`` (``FEATURE_NSLOOKUP_BIG``), which asks
for both A and AAAA and gives the answers in the order of their arrival. For each it prints
``Non-authoritative answer:`` and then pairs of ``Name:`` and ``Address:``, or
``** server can't find NAME: RCODE``. Without any answer it says that no servers could be reached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostonly.facts.fact import Fact, NotObserved, Observed, Unreadable
from hostonly.facts.questions import Question
from hostonly.vantages import Result
from hostonly.waiting import limit

WAIT_SECONDS = 1
# The status of a name that exists; and, of our own making, of a question that nobody answered.
NOERROR = "NOERROR"
NO_ANSWER = "NO ANSWER"

SERVER = re.compile(r"Server:\s*(\S+)")
ADDRESS = re.compile(r"Address:\s*(\S+)")
REFUSAL = re.compile(r"\*\* server can't find .*: ([A-Z0-9]+)")
SILENCE = ";; connection timed out; no servers could be reached"
PASSED_OVER = re.compile(r"Name:\s.*|(Non-a|A)uthoritative answer:.*|.*\tcanonical name = .*")


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a resolver said about ``name``.

    ``status`` is NOERROR, a response code such as NXDOMAIN or SERVFAIL, or NO ANSWER. ``server`` is
    None where there was no answer."""

    name: str
    status: str
    addresses: tuple[str, ...] = ()
    server: str | None = None

    def __str__(self) -> str:
        return ", ".join(self.addresses) or (
            "no address" if self.status == NOERROR else self.status
        )


def lookup(name: str) -> Question[Lookup]:
    """Ask a container's resolver for ``name``; that it does not resolve is an answer too."""
    argv = ("nslookup", f"-timeout={limit(WAIT_SECONDS):.0f}", name)
    return Question(argv, lambda result: read_lookup(result, name))


def read_lookup(result: Result, name: str) -> Fact[Lookup]:
    """Read what ``nslookup`` saw; not observed where it did not get to ask."""
    if result.exit in (0, 1):
        try:
            return Observed(parse(result.stdout, name), (result,))
        except Unreadable as error:
            because = f"`{result.command}` printed what cannot be read: {error}"
            return NotObserved(because, (result,))
    return NotObserved(result.failure, (result,))


def parse(output: str, name: str) -> Lookup:
    """Read what ``nslookup`` printed about ``name``.

    Raises:
        Unreadable: a line is none of nslookup's, or no server is named.
    """
    server: str | None = None
    addresses: list[str] = []
    refusals: list[str] = []
    lines = [line for line in output.splitlines() if line.strip()]
    if lines == [SILENCE]:
        return Lookup(name, NO_ANSWER)
    for line in lines:
        if match := SERVER.fullmatch(line):
            server = match[1]
        elif match := REFUSAL.fullmatch(line):
            refusals.append(match[1])
        elif match := ADDRESS.fullmatch(line):
            addresses.append(match[1])
        elif not PASSED_OVER.fullmatch(line):
            raise Unreadable(f"line {line!r}")
    if server is None or not addresses:
        raise Unreadable("no server is named")
    # The first address is the server's own, with its port.
    found = tuple(dict.fromkeys(addresses[1:]))
    status = refusals[0] if refusals and not found else NOERROR
    return Lookup(name, status, found, server)
