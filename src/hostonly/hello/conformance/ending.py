"""Cases about SIGTERM: a prompt end with exit code 0, and no client left with half a line."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic, sleep

from hostonly.hello.conformance.case import of_started, require
from hostonly.hello.conformance.lines import all_right
from hostonly.hello.conformance.subject import Starter, widen
from hostonly.hello.conformance.visitors import LONG, read_all
from hostonly.hello.exchange import Exchange, StreamEnd
from hostonly.hello.greeting import greeting_of

# It takes a quarter of one; a busy machine, and an engine that sees a container's end, take longer.
STOP_SECONDS = 2.5
SEEN_SECONDS = 10.0
# More than a server takes in one round, and no more than a busy machine serves in the fifth of a second
# that is left.
WAITING = 200
TRAFFIC_SECONDS = 10.0


@of_started("stop.sigterm", "SIGTERM ends it promptly, with exit code 0.")
def sigterm(starter: Starter) -> str:
    """Send SIGTERM, and wait for the end."""
    with starter.start(b"x") as server:
        all_right(server.target.exchanges(2), "x")
        begin = monotonic()
        server.signal("TERM")
        code = server.wait(SEEN_SECONDS)
        seconds = monotonic() - begin
        require(code == 0, f"it ended with {code}")
        require(seconds < STOP_SECONDS, f"it took {seconds:.1f} s")
    return f"exit 0 after {seconds * 1000:.0f} ms"


@of_started("stop.silent", "Clients that stay do not keep it from ending.")
def silent(starter: Starter) -> str:
    """Send SIGTERM while 20 clients stay connected."""
    with starter.start(b"x") as server, ExitStack() as clients:
        staying = [clients.enter_context(server.target.connect()) for _ in range(20)]
        all_right(server.target.exchanges(1), "x")
        begin = monotonic()
        server.signal("TERM")
        code = server.wait(SEEN_SECONDS)
        seconds = monotonic() - begin
        require(code == 0, f"it ended with {code}")
        require(seconds < STOP_SECONDS, f"it took {seconds:.1f} s")
        for client in staying:
            require(greeting_of(read_all(client)), "one of them had no whole line")
    return f"exit 0 after {seconds * 1000:.0f} ms, behind 20 that stay"


@of_started("stop.waiting", "Clients that were connected before SIGTERM still get their lines.")
def waiting(starter: Starter) -> str:
    """Connect clients while the server is suspended, send SIGTERM, and let the server go on."""
    with starter.start(b"x") as server, ExitStack() as clients:
        server.signal("STOP")
        try:
            connected = [clients.enter_context(server.target.connect()) for _ in range(WAITING)]
            server.signal("TERM")
        finally:
            server.signal("CONT")
        numbers = set()
        for client in connected:
            data = read_all(client)
            greeting = greeting_of(data)
            require(greeting, f"one of them got {data!r}")
            assert greeting is not None
            numbers.add(greeting.count)
        code = server.wait(SEEN_SECONDS)
        require(code == 0, f"it ended with {code}")
    require(numbers == set(range(1, WAITING + 1)), f"they got {len(numbers)} different n")
    return f"{WAITING} clients got n = 1 to {WAITING}"


@of_started("stop.reading", "Clients that are reading when SIGTERM comes get their whole lines.")
def reading(starter: Starter) -> str:
    """Send SIGTERM while two clients have read only the beginning of a long line."""
    name = LONG[:80_000]  # what is left must get through in the fifth of a second that is left
    with starter.start(name) as server, ExitStack() as clients:
        readers = [clients.enter_context(server.target.connect(narrow=True)) for _ in range(2)]
        began = [reader.recv(1024) for reader in readers]
        server.signal("TERM")
        for reader in readers:
            widen(reader)
        with ThreadPoolExecutor() as pool:
            rest = list(pool.map(read_all, readers))
        for count, (head, tail) in enumerate(zip(began, rest, strict=True), 1):
            require(
                head + tail == b"Hello %b! (%d)\n" % (name, count),
                f"client {count} got {len(head + tail)} bytes, ending in {tail[-20:]!r}",
            )
        require(server.wait(SEEN_SECONDS) == 0, "it did not end with 0")
    return "two clients got more than 80,000 bytes each"


@of_started("stop.traffic", "In traffic, SIGTERM leaves nobody with half a line, and no n skipped.")
def traffic(starter: Starter) -> str:
    """Send SIGTERM while clients connect all the time."""
    with starter.start(b"x") as server:
        target, code = server.target, -1
        found: list[list[Exchange]] = []

        def call() -> None:
            while not found or any(exchange.data for exchange in found[-1]):
                found.append(target.exchanges(16, parallel=8))

        caller = threading.Thread(target=call)
        caller.start()
        deadline = monotonic() + TRAFFIC_SECONDS
        while len(found) < 3 and monotonic() < deadline:
            sleep(0.01)
        server.signal("TERM")
        code = server.wait(SEEN_SECONDS)
        caller.join()
    exchanges = [exchange for batch in found for exchange in batch]
    whole = [exchange for exchange in exchanges if greeting_of(exchange.data)]
    for exchange in exchanges:
        require(
            greeting_of(exchange.data) or not exchange.data, f"one of them got {exchange.data!r}"
        )
    require(code == 0, f"it ended with {code}")
    require(len(whole) > 16, f"only {len(whole)} were answered before the end")
    _first, last = all_right([e for e in whole if e.ending is StreamEnd.ENDED], "x")
    refused = len(exchanges) - len(whole)
    require(refused, "nobody was refused: it had not ended")
    return f"n = 1 to {last} answered whole, {refused} after it not at all"
