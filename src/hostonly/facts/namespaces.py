"""Which network namespace a process is in: ``readlink /proc/PID/ns/net``.

Source of the format: namespaces(7): ``net:[INODE]``; two processes are in one namespace exactly
when the links read the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostonly.facts.fact import Fact, NotObserved, Unreadable, observe
from hostonly.vantages import Vantage

LINK = re.compile(r"net:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """A namespace by its inode number, unique on one machine at one time."""

    inode: int

    def __str__(self) -> str:
        return f"net:[{self.inode}]"


def observe_namespace_of(sandbox: Vantage, pid: int) -> Fact[NetworkNamespace]:
    """The namespace of process ``pid`` of ``sandbox``; 1 is the sandbox's own init."""
    if pid <= 0:
        return NotObserved(f"no process has the number {pid}")
    return observe(sandbox, ["sudo", "readlink", f"/proc/{pid}/ns/net"], parse)


def parse(output: str) -> NetworkNamespace:
    """Read the link's text; ``Unreadable`` when it is no network namespace."""
    match = LINK.fullmatch(output.strip())
    if match is None:
        raise Unreadable(repr(output[:80]))
    return NetworkNamespace(int(match[1]))
