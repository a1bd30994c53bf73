"""Vagrant's index of the machines of all its folders, to remove an entry that Vagrant cannot.

A Vagrant that was killed may have entered a machine without noting which in the machine's folder,
so that none removes it later. The format is version 1 (``machine_index.rb`` of Vagrant 2.3): JSON,
with a lock file.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from hostonly.flock import Lock
from hostonly.host import atomic
from hostonly.site import MARK, vagrant_home
from hostonly.waiting import until

# Vagrant has its lock for as long as it takes to write a file.
SECONDS = 60.0


def forget(root: Path) -> int:
    """Remove the machines of the checkout at ``root`` from the index; return their number.

    The caller knows that the checkout has none any more. Machines of other folders or on others'
    boxes stay.
    """
    file = vagrant_home() / "data" / "machine-index" / "index"
    if not file.exists():
        return 0
    with contextlib.suppress(OSError), Lock(file.with_name("index.lock")) as lock:
        if not until(lock.take, bool, SECONDS):
            return 0
        try:
            index = json.loads(file.read_text(encoding="utf-8"))
            ours = [key for key, machine in index["machines"].items() if _is_ours(machine, root)]
        except (ValueError, KeyError, TypeError, AttributeError):
            return 0  # Not as we know it, or damaged: Vagrant says so itself.
        if ours:
            for key in ours:
                del index["machines"][key]
            # The index holds every machine of this user's.
            atomic.write(file, json.dumps(index).encode())
        return len(ours)
    return 0


def _is_ours(machine: dict[str, object], root: Path) -> bool:
    extra = machine.get("extra_data")
    kept = extra.get("box") if isinstance(extra, dict) else None
    called = kept.get("name") if isinstance(kept, dict) else None
    on_ours = isinstance(called, str) and called.startswith(f"{MARK}-")
    return on_ours and machine.get("vagrantfile_path") == str(root)
