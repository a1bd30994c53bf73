"""The verifying client of HelloSocket: it checks every line, their order and their count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise

from hostonly.errors import UsageError
from hostonly.hello.exchange import Exchange, Exchanges, StreamEnd
from hostonly.hello.greeting import Greeting, greeting_of
from hostonly.results.hello_call import Called, Deviation

# Not a load generator: what a listener's queue and a client's ports bear anywhere.
MOST_CALLS = 10_000
MOST_PARALLEL = 256

MOST_SECONDS = 60.0

# Numbers, and bytes of a stranger's answer, that a sentence names before it says "and so on".
NAMED = 8
QUOTED = 60


@dataclass(frozen=True, slots=True)
class Calls:
    """The number of calls, how many run at a time, and the limit of each in seconds.

    Raises:
        UsageError: a number is outside its bounds.
    """

    count: int
    parallel: int
    limit: float

    def __post_init__(self) -> None:
        for what, value, most in (
            ("count", self.count, MOST_CALLS),
            ("parallel", self.parallel, MOST_PARALLEL),
            ("timeout", self.limit, MOST_SECONDS),
        ):
            if not 0 < value <= most:
                raise UsageError(f"--{what}: {value} is not allowed: more than 0, at most {most:g}")

    def make(self, address: str, port: int) -> list[Exchange]:
        """Make the calls to an IP ``address`` and ``port``; return them in order of their start."""
        calls = Exchanges(address, port, self.count, parallel=self.parallel, limit=self.limit)
        return calls.run()


def judge(exchanges: Sequence[Exchange], name: str | None = None) -> Called:
    """Check ``exchanges`` against what HelloSocket promises, and return all deviations.

    Each line must be whole and greet ``name`` (None: the name in the first answer). Each n must
    come once, none may be missing, and n must rise from one connection to the next."""
    numbered = list(enumerate(exchanges, 1))
    greetings = {
        number: greeting
        for number, exchange in numbered
        if exchange.ending is StreamEnd.ENDED and (greeting := greeting_of(exchange.data))
    }
    if name is None and greetings:
        name = next(iter(greetings.values())).name
    found = [
        deviation
        for number, exchange in numbered
        for deviation in _of_one(number, exchange, greetings.get(number), name)
    ]
    found += _of_all(exchanges, greetings)
    counts = [greeting.count for greeting in greetings.values()]
    return Called(
        len(exchanges),
        len(greetings),
        (min(counts), max(counts)) if counts else None,
        tuple(sorted(exchanges[number - 1].seconds for number in greetings)),
        tuple(found),
    )


def _quoted(data: bytes) -> str:
    text = repr(data.decode(errors="backslashreplace"))
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}… ({len(data)} bytes)"


def _of_one(
    number: int, exchange: Exchange, greeting: Greeting | None, name: str | None
) -> Iterator[Deviation]:
    if greeting is None:
        yield Deviation(*_unlike_a_greeting(number, exchange))
    elif greeting.name != name:
        yield Deviation(
            "WRONG NAME",
            (number,),
            f"greeted {greeting.name[:QUOTED]!r} and not {(name or '')[:QUOTED]!r}",
        )


def _unlike_a_greeting(number: int, exchange: Exchange) -> tuple[str, tuple[int, ...], str]:
    data, calls = exchange.data, (number,)
    after = f" after {_quoted(data)}" if data else " before a byte came"
    match exchange.ending:
        case StreamEnd.REFUSED:
            return "REFUSED", calls, "refused: nobody listens there, or a firewall says so"
        case StreamEnd.NO_ROUTE:
            return "NO ROUTE", calls, f"not sent, or turned back: {exchange.why}"
        case StreamEnd.CONNECT_TIMEOUT:
            return "TIMED OUT", calls, "nobody answered the request to connect: dropped on the way?"
        case StreamEnd.RESET:
            return "RESET", calls, f"reset{after}"
        case StreamEnd.FAILED | None:
            return "NOT MADE", calls, f"this machine could not make it: {exchange.why}"
        case StreamEnd.SILENT if greeting_of(data):
            return "NOT ENDED", calls, "the line came, and the stream was not ended"
        case StreamEnd.SILENT:
            return "TIMED OUT", calls, f"connected, and then silence{after}: a proxy?"
    if not data:
        return (
            "EMPTY",
            calls,
            "accepted and closed without a byte, as a proxy does behind which nobody listens",
        )
    if data.startswith(b"HTTP/"):
        return "STRANGER", calls, f"an HTTP server or proxy answered: {_quoted(data)}"
    if b"Hello ".startswith(data) or (data.startswith(b"Hello ") and b"\n" not in data):
        return "TRUNCATED", calls, f"the line breaks off: {_quoted(data)}"
    first, end, more = data.partition(b"\n")
    if end and more and greeting_of(first + end):
        return "MORE", calls, f"{len(more)} bytes followed the line: {_quoted(more)}"
    return "STRANGER", calls, f"that is no greeting: {_quoted(data)}"


def _of_all(exchanges: Sequence[Exchange], greetings: dict[int, Greeting]) -> Iterator[Deviation]:
    given = Counter(greeting.count for greeting in greetings.values())
    twice = [count for count, times in given.items() if times > 1]
    for count in sorted(twice)[:NAMED]:
        calls = tuple(number for number, g in greetings.items() if g.count == count)
        yield Deviation("TWICE", calls, f"n = {count} was given {len(calls)} times")
    back = list(_backwards(exchanges, greetings))
    yield from back[:NAMED]
    if not given or back or twice:
        return
    numbers = sorted(given)
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    if not missing:
        return
    # Never all of them: a server that is wrong may leave out more than fit into memory.
    between = chain.from_iterable(range(low + 1, high) for low, high in pairwise(numbers))
    first = ", ".join(map(str, islice(between, NAMED))) + (", …" if missing > NAMED else "")
    ours = tuple(
        number
        for number, exchange in enumerate(exchanges, 1)
        if exchange.connected is not None and number not in greetings
    )
    if missing <= len(ours):
        who = "connections of ours that got no whole line may have used them up"
    else:
        who = "somebody else connected in between, or the server left them out"
    yield Deviation("MISSING", ours, f"n = {first} ({missing}) did not come to us: {who}")


def _backwards(
    exchanges: Sequence[Exchange], greetings: dict[int, Greeting]
) -> Iterator[Deviation]:
    """Yield a deviation for each connection that began after another's end, but got a lower n."""
    by_end = sorted(greetings, key=lambda number: exchanges[number - 1].ended)
    by_begin = sorted(greetings, key=lambda number: exchanges[number - 1].begun)
    highest, position = 0, 0
    for number in by_begin:
        while (
            position < len(by_end)
            and exchanges[by_end[position] - 1].ended <= exchanges[number - 1].begun
        ):
            earlier = by_end[position]
            if not highest or greetings[earlier].count > greetings[highest].count:
                highest = earlier
            position += 1
        if highest and greetings[highest].count > greetings[number].count:
            yield Deviation(
                "BACKWARDS",
                (highest, number),
                f"after n = {greetings[highest].count} came n = {greetings[number].count}: another "
                "server answered, or it was started again",
            )
            # One step back is told once, and not again for each number after it.
            highest = number
