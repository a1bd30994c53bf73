"""The processes of a machine: ``ps -e -ww -o pid=,ppid=,user=,args=``.

Source of the format: ps(1) of procps-ng 4.0: columns in the order asked for; ``args`` is last and
keeps its spaces.
"""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.facts.fact import Fact, Unreadable, observe
from hostonly.vantages import Vantage


@dataclass(frozen=True, slots=True)
class Process:
    """A process; ``command`` is its argument list joined by spaces, ``[name]`` for a kernel's."""

    pid: int
    parent: int
    user: str
    command: str


def observe_processes(vantage: Vantage) -> Fact[tuple[Process, ...]]:
    """Every process that ``vantage`` can see, this ``ps`` too."""
    return observe(vantage, ["ps", "-e", "-ww", "-o", "pid=,ppid=,user:32=,args="], parse)


def parse(output: str) -> tuple[Process, ...]:
    """Read it; ``Unreadable`` when a line has another shape, or there is none."""
    processes = []
    for line in output.splitlines():
        fields = line.split(None, 3)
        if len(fields) < 3 or not (fields[0].isdecimal() and fields[1].isdecimal()):
            raise Unreadable(f"line {line!r}")
        processes.append(
            Process(int(fields[0]), int(fields[1]), fields[2], fields[3] if len(fields) > 3 else "")
        )
    if not processes:
        raise Unreadable("no process at all, not even ps")
    return tuple(processes)
