"""check.host-only makes neighbours and removes what an earlier run left of them: one at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostonly.checks import host_only
from hostonly.errors import HostonlyError
from hostonly.events import Event, ignore
from hostonly.ownership import lock
from hostonly.site import Site
from tests.unit.sites import at


def test_it_waits_for_another_and_says_for_which(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(host_only, "Machine", None)  # Nothing is looked at, let alone made.
    here, events = at(site, tmp_path), list[Event]()
    with (
        lock.sandboxes(here, "check.host-only", ignore),
        pytest.raises(HostonlyError, match=r"inv check\.host-only .* has been changing"),
    ):
        host_only.check(here, events.append)
    assert f"waiting for inv check.host-only (process {os.getpid()})" in str(events)
