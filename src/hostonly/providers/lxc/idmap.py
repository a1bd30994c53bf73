"""The host's uids for the sandboxes' root and users: an unprivileged range of their own.

Distributions give ordinary users ranges that begin at 100000, 165536 and so on; ours lies above
those, so that neither a user's rootless containers nor ours can act on the other's files.
"""

from __future__ import annotations

from pathlib import Path

from hostonly.host.command import find, run

START = 1_000_000
COUNT = 65_536
# As subuid(5) has it.
ENTRY = f"root:{START}:{COUNT}"

_FILES = (Path("/etc/subuid"), Path("/etc/subgid"))


def _covers(line: str) -> bool:
    fields = line.strip().split(":")
    if len(fields) != 3 or fields[0] not in ("root", "0"):
        return False
    start, count = int(fields[1]), int(fields[2])
    return start <= START and start + count >= START + COUNT


def allowed() -> bool:
    """Return whether LXC, as root, may use the range.

    Without ``newuidmap`` (package uidmap) LXC writes the map itself; with it, LXC insists on an
    entry for root in both files (see lxc_map_ids in LXC's conf.c, version 5.0).
    """
    if find("newuidmap") is None:
        return True
    return all(
        file.exists()
        and any(_covers(line) for line in file.read_text(encoding="utf-8").splitlines())
        for file in _FILES
    )


def allow() -> None:
    """Enter the range for root in /etc/subuid and /etc/subgid."""
    # usermod would do it as well, and leave backup files that were not there before.
    line = 'for file in "$@"; do test -z "$(tail -c 1 "$file" 2>/dev/null)" || echo >>"$file"; echo "$0" >>"$file" || exit 1; done'
    run(["sh", "-c", line, ENTRY, *map(str, _FILES)], root=True, timeout=10)


def disallow() -> None:
    """Remove our entry, exactly ours, from both files."""
    # usermod would remove what overlaps as well: only the very line that `allow` made goes.
    for file in _FILES:
        if file.exists() and ENTRY in file.read_text(encoding="utf-8").splitlines():
            run(["sed", "-i", f"/^{ENTRY}$/d", str(file)], root=True, timeout=10)
