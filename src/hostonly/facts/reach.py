"""The outcome of a TCP connection: ``nc -nv -w 2 ADDRESS PORT``, in a container without ``-nv``.

HelloSocket speaks first and closes, so that nothing has to be sent to it. Source of the messages:
nc(1) of Debian's netcat-openbsd 1.219 (``netcat.c``), which with ``-v`` says on stderr whether the
connection was made and otherwise why not. In a container it is busybox 1.35's
(``networking/nc.c``), which has neither option: it says the same reasons in the C library's words,
and where a connection was made only exit status 0 tells. ``nc`` does not tell a connection that was
closed from one that was reset after it was made, nor from one that stayed silent until the time
limit: all are EMPTY."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from hostonly.errors import Unreachable
from hostonly.facts.fact import Fact, NotObserved, Observed
from hostonly.facts.questions import Question
from hostonly.hello.greeting import Greeting, greeting_in
from hostonly.vantages import TIMED_OUT, Result
from hostonly.vantages.route_guard import require_direct, route_command
from hostonly.waiting import limit

WAIT_SECONDS = 2
# Long enough to be told that nobody answers for an address on a link: the kernel asks three times, a
# second apart (Linux, ip-sysctl: mcast_solicit, retrans_time_ms), and then says "No route to host".
NEIGHBOUR_SECONDS = 5


class Outcome(enum.StrEnum):
    """The outcome of an attempt to connect."""

    ANSWERS = "ANSWERS"
    EMPTY = "EMPTY"
    REFUSED = "REFUSED"
    TIMEOUT = "TIMEOUT"
    NO_ROUTE = "NO ROUTE"
    RESET = "RESET"


# The C library's words (strerror), in the order in which they are looked for.
REASONS = (
    ("Connection refused", Outcome.REFUSED),
    ("No route to host", Outcome.NO_ROUTE),
    ("Network is unreachable", Outcome.NO_ROUTE),
    ("Connection reset by peer", Outcome.RESET),
    ("timed out", Outcome.TIMEOUT),
    ("Operation now in progress", Outcome.TIMEOUT),
)
CONNECTED = re.compile(r"succeeded!|\bopen$|^Connection to .* port", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reach:
    """The ``outcome`` of an attempt to connect and, if somebody answered, all that was ``said``."""

    outcome: Outcome
    said: str = ""

    @property
    def connected(self) -> bool:
        """Whether a connection was made, whatever was said on it."""
        return self.outcome in (Outcome.ANSWERS, Outcome.EMPTY)

    @property
    def greeting(self) -> Greeting | None:
        """HelloSocket's line, where that and nothing else was said."""
        return greeting_in(self.said)

    def __str__(self) -> str:
        return f"{self.outcome} {self.said.strip()!r}" if self.said else str(self.outcome)


def reach(
    address: str,
    port: int,
    *,
    bridge: str | None = None,
    busybox: bool = False,
    only_connect: bool = False,
    wait: int = WAIT_SECONDS,
) -> Question[Reach]:
    """Ask for one connection to ``address`` (a number, or in a container a name) and ``port``.

    ``bridge`` must be given where the vantage is the host, unless the caller has asked for the
    route: where the kernel's route does not leave by it, nothing is sent and the fact is not
    observed. ``busybox`` must be said of a container's own ``nc``. ``only_connect`` closes at once,
    for servers that wait for us to speak; a connection is EMPTY then. ``wait`` is in seconds: below
    ``NEIGHBOUR_SECONDS`` an address that nobody has looks like one that is cut off."""
    options = (*(["-z"] if only_connect else []), *([] if busybox else ["-nv"]))
    # It reads an empty standard input and so sends no byte.
    connection = Question(
        ("nc", *options, "-w", f"{limit(wait):.0f}", address, str(port)),
        lambda result: read_reach(result, busybox=busybox),
    )
    if bridge is None:
        return connection

    def where_it_leads(result: Result) -> NotObserved | Question[Reach]:
        try:
            require_direct(result, address, bridge)
        except Unreachable as error:
            return NotObserved(str(error))
        return connection

    return Question(tuple(route_command(address)), where_it_leads)


def read_reach(result: Result, *, busybox: bool = False) -> Fact[Reach]:
    """Read what ``nc`` saw; not observed where it did not get to look."""
    reach = read_result(result, busybox=busybox)
    if reach is None:
        return NotObserved(result.failure, (result,))
    return Observed(reach, (result,))


def read_result(result: Result, *, busybox: bool = False) -> Reach | None:
    """Return what ``nc`` saw; None where it did not run or said nothing that is known.

    Only from busybox's ``nc`` does silence with status 0 mean a connection without an answer."""
    if result.stdout:
        return Reach(Outcome.ANSWERS, result.stdout)
    for words, outcome in REASONS:
        if words in result.stderr:
            return Reach(outcome)
    if CONNECTED.search(result.stderr) and result.exit in (0, 1, TIMED_OUT):
        return Reach(Outcome.EMPTY)
    if busybox and result.exit == 0 and not result.stderr:
        return Reach(Outcome.EMPTY)
    return None
