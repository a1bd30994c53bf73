"""Following an engine's push: what is an error, and what is not worth another attempt.

The streams in push/ are Docker 20.10's own: the registry killed in mid-push (most of the progress
left out), and the end of a push onto a full disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import ToolFailed
from hostonly.events import Event, Progress
from hostonly.image.publish import _follow


def stream(name: str) -> Iterator[dict[str, Any]]:
    for line in (Path(__file__).parent / "push" / name).read_text().splitlines():
        yield json.loads(line)


def test_an_attempt_that_the_engine_repeats_is_progress() -> None:
    events: list[Event] = []
    _follow(stream("retried.jsonl"), "docker push big", events.append, lambda: None)
    assert Progress("7cae415a2241 Retrying in 5 seconds") in events
    assert Progress("7cae415a2241 Pushed") in events


def test_it_ends_at_once_where_no_attempt_can_do_better() -> None:
    events: list[Event] = []
    with pytest.raises(ToolFailed, match="the disk is full") as error:
        _follow(
            stream("retried.jsonl"), "docker push big", events.append, lambda: "the disk is full"
        )
    assert error.value.ran == "docker push big"
    assert not any("Retrying" in str(event) for event in events)


def test_an_error_in_the_stream_is_an_error() -> None:
    with pytest.raises(ToolFailed, match="could not finish") as error:
        _follow(stream("refused.jsonl"), "docker push big", lambda event: None)
    assert error.value.output == "received unexpected HTTP status: 500 Internal Server Error"
    assert "registry.usage" in str(error.value.remedy)
