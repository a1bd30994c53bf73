"""Claims about what HelloSocket answers."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.reach import Reach
from hostonly.hello.greeting import Greeting


def _strangers(answers: tuple[Reach, ...], name: str) -> list[str]:
    """Returns, in words, the ``answers`` that are not ``Hello NAME! (n)``, numbered from 1."""
    return [
        f"connection {number}: {reach}"
        for number, reach in enumerate(answers, 1)
        if reach.greeting is None or reach.greeting.name != name
    ]


def _greetings(answers: tuple[Reach, ...]) -> list[Greeting]:
    return [reach.greeting for reach in answers if reach.greeting is not None]


@claim(
    "hello.{place}",
    "The {place} gets `Hello {name}! (n)` from {address}:{port}, n rising by one per connection.",
    source="Tutorial, host networking: HelloSocket",
)
def hello_rises(
    *, place: str, name: str, address: str, port: int, answers: tuple[Reach, ...]
) -> Judgement:
    """Holds when ``name`` answered at least two connections in a row, the count rising by one."""
    if strangers := _strangers(answers, name):
        return Judgement(False, "; ".join(strangers))
    if len(answers) < 2:
        return Judgement(None, f"{len(answers)} connection shows no rise")
    counts = [greeting.count for greeting in _greetings(answers)]
    said = ", ".join(str(count) for count in counts)
    rises = counts == list(range(counts[0], counts[0] + len(counts)))
    return Judgement(rises, f"{len(counts)} connections gave n = {said}")


@claim(
    "hello.continues",
    "The {place} gets `Hello {name}! (n)` on {address}:{port}, and the count goes on from the host's.",
    source="Tutorial, host networking: one server, one count",
)
def hello_continues(
    *,
    place: str,
    name: str,
    address: str,
    port: int,
    before: tuple[Reach, ...],
    after: tuple[Reach, ...],
) -> Judgement:
    """Holds when ``name`` answered all of ``after`` and counted on from ``before``.

    ``after`` was made right after ``before``. The count rises by one for each connection: both
    sides talk to one server."""
    if strangers := _strangers(after, name):
        return Judgement(False, "; ".join(strangers))
    earlier = _greetings(before)
    if not earlier or not after or before[-1].greeting is None:
        return Judgement(None, "there is no earlier count to go on from")
    last = earlier[-1].count
    counts = [greeting.count for greeting in _greetings(after)]
    said = ", ".join(str(count) for count in counts)
    goes_on = counts == list(range(last + 1, last + 1 + len(counts)))
    return Judgement(goes_on, f"after the host's {last} came {said}")


@claim(
    "hello.apart",
    "For {who} {here}:{port} leads to {one}, and {there}:{port} to {other}.",
    source="docker-run(1): --publish IP:HOSTPORT:CONTAINERPORT",
)
def hello_apart(
    *,
    who: str,
    port: int,
    here: str,
    one: str,
    there: str,
    other: str,
    first: tuple[Reach, ...],
    second: tuple[Reach, ...],
) -> Judgement:
    """Holds when ``one`` answered all of ``first``, and ``other`` all of ``second``.

    The connections of ``first`` were made to ``here``, those of ``second`` to ``there``."""
    strangers = [
        f"{address}: {stranger}"
        for address, answers, name in ((here, first, one), (there, second, other))
        for stranger in _strangers(answers, name)
    ]
    if strangers:
        return Judgement(False, "; ".join(strangers))
    if not first or not second:
        return Judgement(None, "one of the two was not tried")
    said = [str(answers[0]) for answers in (first, second)]
    return Judgement(True, f"{here}: {said[0]}; {there}: {said[1]}")
