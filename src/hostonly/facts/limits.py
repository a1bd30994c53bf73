"""Limits of the kernel's, and what counts against them.

Sources of the formats: user_namespaces(7) and proc(5) for /proc/sys/user, keyrings(7) for
/proc/key-users, grep(1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

# Of each the values for the user namespace of who reads.
USERS = "user/max_*notify_*"


def limits(*names: str) -> Question[Mapping[str, int]]:
    """Ask for the limits ``names`` below /proc/sys; they may be patterns, and may be absent."""
    files = " ".join(f"/proc/sys/{name}" for name in names)
    # 2 is said of an absent file as well.
    return question(["sh", "-c", f"grep -Hs . {files} || test $? -eq 2"], parse_limits)


def key_users() -> Question[Mapping[int, str]]:
    """Ask how many keys each user has, and may have."""
    return question(["cat", "/proc/key-users"], parse_key_users, root=True)


def parse_limits(output: str) -> Mapping[str, int]:
    """Read ``grep -H . /proc/sys/…``: names below /proc/sys, each with its number."""
    found = {}
    for line in output.splitlines():
        name, colon, value = line.rpartition(":")
        if not colon or not name.startswith("/proc/sys/") or not value.isdecimal():
            raise Unreadable(f"line {line!r}")
        found[name.removeprefix("/proc/sys/")] = int(value)
    if not found:
        raise Unreadable("no limit at all")
    return found


def parse_key_users(output: str) -> Mapping[int, str]:
    """Read ``cat /proc/key-users``: uids as seen by the vantage, each with ``KEYS/ALLOWED``."""
    found = {}
    for line in output.splitlines():
        read = re.fullmatch(r"\s*(\d+):\s+\d+ \d+/\d+ (\d+/\d+) \d+/\d+", line.rstrip())
        if read is None:
            raise Unreadable(f"line {line!r}")
        found[int(read[1])] = read[2]
    if not found:
        raise Unreadable("no user at all, not even root")
    return found
