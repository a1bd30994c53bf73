"""Which uids the sandboxes' root and users are on the host: an unprivileged range of their own.

Distributions give ordinary users ranges that begin at 100000, 165536 and so on; ours lies above
those, so that neither a user's rootless containers nor ours can act on the other's files.
"""

from __future__ import annotations

from pathlib import Path

from hostonly.host.command import find, run

START = 1_000_000
COUNT = 65_536

_FILES = (Path("/etc/subuid"), Path("/etc/subgid"))


def _covers(line: str) -> bool:
    fields = line.strip().split(":")
    if len(fields) != 3 or fields[0] not in ("root", "0"):
        return False
    start, count = int(fields[1]), int(fields[2])
    return start <= START and start + count >= START + COUNT


def allowed() -> bool:
    """Whether LXC, as root, may use the range.

    Without ``newuidmap`` (package uidmap) LXC writes the map itself; with it, LXC insists on an
    entry for root in both files (see lxc_map_ids in LXC's conf.c, version 5.0).
    """
    if find("newuidmap") is None:
        return True
    return all(
        file.exists() and any(_covers(line) for line in file.read_text().splitlines())
        for file in _FILES
    )


def allow() -> None:
    """Enter the range for root in /etc/subuid and /etc/subgid."""
    span = f"{START}-{START + COUNT - 1}"
    run(["usermod", "--add-subuids", span, "--add-subgids", span, "root"], root=True, timeout=10)


def disallow() -> None:
    """Take our entry, exactly ours, out of both files."""
    entry = f"root:{START}:{COUNT}"
    # usermod would remove what overlaps as well: only the very line that `allow` made goes.
    for file in _FILES:
        if file.exists() and entry in file.read_text().splitlines():
            run(["sed", "-i", f"/^{entry}$/d", str(file)], root=True, timeout=10)
