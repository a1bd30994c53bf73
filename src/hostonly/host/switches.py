"""Switches of the whole machine that are turned while there are sandboxes, and then put back.

One journal of root's keeps the values from before for all checkouts, since they share the machine.
A switch that the user, or a program of the user's, has turned meanwhile is not put back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hostonly.host import journal as journals
from hostonly.host.command import run

PROC = Path("/proc/sys")


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch that shall be turned.

    ``name`` is its path below /proc/sys, ``to`` the value to give it. ``follows`` is the path of a
    switch that turns this one as well, whoever turns it; empty where there is none.
    """

    name: str
    to: str
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Turned:
    """A journal's entry on a switch: the value that it ``was``, and what we ``made`` of it.

    ``followed`` is the value then of the switch that it ``follows``; empty where it follows none.
    """

    was: str
    made: str
    follows: str = ""
    followed: str = ""


def value(name: str) -> str | None:
    """Return the kernel's value of the switch ``name``; None where it has no such switch."""
    try:
        return (PROC / name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def write(values: Mapping[str, str]) -> None:
    """Give the kernel the ``values`` of switches.

    Raises:
        ToolFailed: sysctl refused.
    """
    # A VLAN's name has a dot, which sysctl's own separator is as well: slashes are unambiguous.
    words = [f"{name}={value}" for name, value in values.items()]
    run(["sysctl", "-qw", *words], root=True, timeout=10)


def turn(switches: Iterable[Switch], journal: Path) -> None:
    """Turn those of ``switches`` that exist and have another value.

    ``journal`` is the file that keeps the values from before.

    Raises:
        ToolFailed: sysctl refused.
    """
    before = _journalled(journal)
    kept, todo = dict(before), dict[str, str]()
    for switch in switches:
        now = value(switch.name)
        if now in (None, switch.to):
            continue
        assert now is not None
        todo[switch.name] = switch.to
        old = before.get(switch.name)
        # Where it is not as we made it, the user or a boot has turned it since.
        was = old.was if old is not None and old.made == now else now
        followed = value(switch.follows) if switch.follows else None
        kept[switch.name] = Turned(was, switch.to, switch.follows, followed or "")
    if kept != before:
        # Before anything is changed: a kill between the two loses nothing.
        journals.write({name: asdict(turned) for name, turned in kept.items()}, journal)
    if todo:
        write(todo)


def put_back(journal: Path) -> list[str]:
    """Put back the switches that are still as ``turn`` left them; return their names."""
    back = {
        name: turned.was for name, turned in _journalled(journal).items() if _ours(name, turned)
    }
    if back:
        write(back)
    journals.remove(journal)
    return list(back)


def _ours(name: str, turned: Turned) -> bool:
    """Return whether the switch ``name`` is as we made it, and nobody else has turned it too."""
    if turned.follows and value(turned.follows) != turned.followed:
        return False
    return value(name) == turned.made != turned.was


def _journalled(journal: Path) -> dict[str, Turned]:
    def understand(found: dict[str, dict[str, str]]) -> dict[str, Turned]:
        return {name: Turned(**turned) for name, turned in found.items()}

    return journals.read(journal, understand) or {}
