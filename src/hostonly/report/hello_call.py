"""The result of calls to HelloSocket, for people and for programs."""

from __future__ import annotations

from typing import Any

from hostonly.report.document import SCHEMA, dumps
from hostonly.results.hello_call import Called

PERCENTILES = (50, 90, 99, 100)
SHOWN = 20


def as_text(called: Called) -> str:
    """Return a line for the answers, one for their times, and one for each deviation."""
    lines = [f"{called.answered} of {called.made} calls were answered with a whole line"]
    if called.counts:
        lines[0] += f", n = {called.counts[0]} to {called.counts[1]}"
    times = [
        f"{'all' if percent == 100 else f'{percent} %'} within {seconds * 1000:.2f} ms"
        for percent in PERCENTILES
        if (seconds := called.percentile(percent)) is not None
    ]
    if times:
        lines.append(", ".join(times))
    for deviation in called.deviations[:SHOWN]:
        on = ", ".join(map(str, deviation.calls[:SHOWN]))
        lines.append(f"{deviation.kind}{f' (call {on})' if on else ''}: {deviation.sentence}")
    if len(called.deviations) > SHOWN:
        lines.append(f"… and {len(called.deviations) - SHOWN} more")
    return "\n".join(lines)


def as_json(called: Called, address: str, port: int) -> str:
    """Return ``{"schema", "kind": "hello.call", …}``, with all deviations, and milliseconds."""
    milliseconds = {
        f"p{percent}": round(seconds * 1000, 3)
        for percent in PERCENTILES
        if (seconds := called.percentile(percent)) is not None
    }
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "hello.call",
        "address": address,
        "port": port,
        "made": called.made,
        "answered": called.answered,
        "first": called.counts[0] if called.counts else None,
        "last": called.counts[1] if called.counts else None,
        "milliseconds": milliseconds,
        "deviations": [
            {"kind": d.kind, "calls": list(d.calls), "sentence": d.sentence}
            for d in called.deviations
        ],
    }
    return dumps(document)
