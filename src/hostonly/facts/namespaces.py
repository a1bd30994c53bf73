"""The network namespace of a process: ``readlink /proc/PID/ns/net``.

Source of the format: namespaces(7): ``net:[INODE]``; two processes are in one namespace exactly
when the links read the same."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostonly.facts.docker import container as inspected
from hostonly.facts.docker import parse_container
from hostonly.facts.fact import Fact, NotObserved, Unreadable, read
from hostonly.facts.questions import Question, question
from hostonly.vantages import Result

LINK = re.compile(r"net:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """A namespace by its inode number, unique on one machine at one time."""

    inode: int

    def __str__(self) -> str:
        return f"net:[{self.inode}]"


def namespace(pid: int = 1) -> Question[NetworkNamespace]:
    """Ask for the namespace of process ``pid`` of a sandbox; 1 is the sandbox's own init."""
    return question(["readlink", f"/proc/{pid}/ns/net"], parse, root=True)


def namespace_of(container: str) -> Question[NetworkNamespace]:
    """Ask for the namespace of the init of the container called ``container``."""

    def of_init(result: Result) -> Fact[NetworkNamespace] | Question[NetworkNamespace]:
        seen = read(result, parse_container)
        if isinstance(seen, NotObserved):
            return seen
        if not seen.value.running:
            return NotObserved(f"no process has the number {seen.value.pid}")
        return namespace(seen.value.pid)

    return Question(inspected(container).argv, of_init)


def parse(output: str) -> NetworkNamespace:
    """Read the link's text."""
    match = LINK.fullmatch(output.strip())
    if match is None:
        raise Unreadable(repr(output[:80]))
    return NetworkNamespace(int(match[1]))
