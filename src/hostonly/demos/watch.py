"""Watching packets while something else goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from hostonly.demos.stage import Stage
from hostonly.errors import Unreachable
from hostonly.facts import Fact, NotObserved, read
from hostonly.facts.vxlan import Frame, argv, observe_watching, parse
from hostonly.vantages import Vantage

T = TypeVar("T")

# Watching ends by itself after so many packets or seconds, whatever becomes of us.
PACKETS = 20
SECONDS = 10
READY_SECONDS = 20.0


def vxlan_watched(
    stage: Stage, places: Sequence[Vantage], act: Callable[[], T]
) -> tuple[T, list[Fact[tuple[Frame, ...]]]]:
    """Do ``act`` while VXLAN packets are watched at ``places``: what it gave, and what passed each.

    The commands that watch are shown as steps when they have ended. ``act`` should cause at least
    ``PACKETS`` packets, or watching takes its full time.

    Raises:
        hostonly.demos.stage.Stopped: watching did not begin.
    """

    def watch(place: Vantage) -> Fact[tuple[Frame, ...]]:
        try:
            return read(place.run(argv(PACKETS, SECONDS), timeout=SECONDS + 5.0), parse)
        except Unreachable as error:
            return NotObserved(str(error))

    with ThreadPoolExecutor(len(places)) as threads:
        running = [threads.submit(watch, place) for place in places]
        for place in places:
            stage.wait_until(
                partial(observe_watching, place),
                bool,
                f"waiting for tcpdump on {place.name}",
                seconds=READY_SECONDS,
            )
        done = act()
        return done, [stage.probe(end.result) for end in running]
