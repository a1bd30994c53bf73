"""Cases about the line and its count, on a server that runs."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Sequence
from time import monotonic, sleep

from hostonly.hello.call import judge
from hostonly.hello.conformance.case import NotPossible, Wrong, of_running, require
from hostonly.hello.conformance.subject import Target
from hostonly.hello.exchange import Exchange
from hostonly.hello.greeting import Greeting, greeting_of

BURST = 1000
PARALLEL = 32

# Under which a server waits for nobody, also on a busy machine; one that waits does so for two.
PROMPT_SECONDS = 1.5


def all_right(exchanges: Sequence[Exchange], name: str | None) -> tuple[int, int]:
    """Return the first and the last n of ``exchanges``.

    Raises:
        Wrong: a line, a name, the order or the count is not right.
    """
    called = judge(exchanges, name)
    if called.deviations:
        first = called.deviations[0]
        more = len(called.deviations) - 1
        raise Wrong(
            f"{first.kind}: {first.sentence} (connection {', '.join(map(str, first.calls[:8]))}"
            f" of {called.made})" + (f", and {more} more" if more else "")
        )
    require(called.counts, "nothing was answered")
    assert called.counts is not None
    return called.counts


def greeting_from(target: Target) -> Greeting:
    """Connect to ``target`` once, and return its greeting.

    Raises:
        Wrong: something else came.
    """
    (exchange,) = target.exchanges(1)
    all_right([exchange], target.name)
    greeting = greeting_of(exchange.data)
    assert greeting is not None
    return greeting


@of_running(
    "line.form", "Unasked comes one line, `Hello NAME! (n)` with its end of line, and nothing else."
)
def form(target: Target) -> str:
    """Connect once, and read all that comes."""
    (exchange,) = target.exchanges(1)
    all_right([exchange], target.name)
    return repr(exchange.data.decode())


@of_running("line.ends", "After the line the server ends the stream, also for a client that stays.")
def ends(target: Target) -> str:
    """Read to the end of the stream without closing the connection."""
    with target.connect(seconds=10.0) as client:
        begin, data = monotonic(), b""
        while piece := client.recv(4096):
            data += piece
        seconds = monotonic() - begin
    require(greeting_of(data), f"that is no greeting: {data[:80]!r}")
    require(seconds < PROMPT_SECONDS, f"the end of the stream took {seconds:.1f} s")
    return f"the stream ended after {seconds * 1000:.0f} ms"


@of_running("count.rises", "From one connection to the next, n rises by one.")
def rises(target: Target) -> str:
    """Connect 20 times, one after the other."""
    first, last = all_right(target.exchanges(20), target.name)
    return f"20 connections gave n = {first} to {last}"


@of_running(
    "count.parallel", "With many connections at a time every n is given once and none left out."
)
def parallel(target: Target) -> str:
    """Connect 400 times, ``PARALLEL`` at a time."""
    first, last = all_right(target.exchanges(400, parallel=PARALLEL), target.name)
    return f"400 connections, {PARALLEL} at a time, gave n = {first} to {last}"


@of_running("count.burst", f"{BURST} connections at once, all kept open, are all answered.")
def burst(target: Target) -> str:
    """Hold ``BURST`` connections open at once."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < BURST + 100:
        raise NotPossible(f"this process may not have {BURST} connections (ulimit -n)")
    exchanges = target.exchanges(BURST, parallel=BURST, hold=True)
    first, last = all_right(exchanges, target.name)
    seconds = max(e.ended for e in exchanges) - min(e.begun for e in exchanges)
    return f"{BURST} connections gave n = {first} to {last} in {seconds:.2f} s"


@of_running("count.reset", "A connection that is reset before it has read has used up its n.")
def reset(target: Target) -> str:
    """Reset five connections before they have read, and look at the n that follows."""
    before, resets = greeting_from(target).count, 5
    for _ in range(resets):
        with target.connect() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sleep(0.02)
    after = greeting_from(target).count
    require(
        after == before + resets + 1,
        f"n was {before}, then came {resets} resets, and then n = {after}",
    )
    return f"n = {before}, {resets} resets, n = {after}"
