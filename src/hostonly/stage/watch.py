"""Watching packets while something else is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from hostonly.facts import Fact, NotObserved, observe
from hostonly.facts.vxlan import Frame, vxlan, watching
from hostonly.stage.stage import Stage
from hostonly.vantages import Vantage
from hostonly.waiting import limit, more_patience

T = TypeVar("T")

# Watching ends by itself after so many packets or seconds, also where this process is killed.
# Connections that nobody answers end much sooner.
PACKETS = 20
SECONDS = 60
READY_SECONDS = 60.0


def vxlan_watched(
    stage: Stage, places: Sequence[Vantage], act: Callable[[], T]
) -> tuple[T, list[Fact[tuple[Frame, ...]]]]:
    """Do ``act`` while VXLAN packets are watched at ``places``; return both results.

    The commands that watch are shown as steps when they have ended. ``act`` should cause at least
    ``PACKETS`` packets, or watching takes its full time.

    Raises:
        Stopped: watching did not begin.
    """
    seconds = round(limit(SECONDS))
    with ThreadPoolExecutor(len(places)) as threads:
        running = [threads.submit(observe, place, vxlan(PACKETS, SECONDS)) for place in places]
        for place in places:
            stage.wait_until(
                partial(observe, place, watching()),
                bool,
                f"waiting for tcpdump on {place.name}",
                seconds=READY_SECONDS,
            )
        done = act()
        over = [end.done() for end in running]
        seen = [stage.probe(end.result()) for end in running]
        return done, [
            _cut_short(fact, seconds) if early else fact
            for fact, early in zip(seen, over, strict=True)
        ]


def _cut_short(fact: Fact[T], seconds: int) -> Fact[T]:
    """Return ``fact``, as not observed where the limit of ``seconds`` ended the watching."""
    if isinstance(fact, NotObserved) or all(each.seconds < seconds for each in fact.evidence):
        return fact
    late = f"watching ended after {seconds} s, before the connections were over"
    return NotObserved(f"{late}. {more_patience()}", fact.evidence)
