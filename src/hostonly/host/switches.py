"""Switches of the whole machine that are turned while there are sandboxes, and put back after the last.

One journal, root's, keeps what was before for all checkouts, since they share the machine. What the
user, or a program of his, has turned meanwhile is his: it is not put back.
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
    """What shall be turned, and how.

    ``name`` is its path below /proc/sys, ``to`` its value then. ``follows`` is the path of a switch
    that turns this one as well, whoever turns it; empty where there is none.
    """

    name: str
    to: str
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Turned:
    """What the journal keeps of a switch: what it ``was``, what was ``made`` of it, and what the one
    that it ``follows`` was then (``followed``; empty where it follows none)."""

    was: str
    made: str
    follows: str = ""
    followed: str = ""


def value(name: str) -> str | None:
    """What the kernel has for the switch ``name``; None where it has no such switch."""
    try:
        return (PROC / name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def write(values: Mapping[str, str]) -> None:
    """Tell the kernel the ``values`` of switches. Raises ToolFailed."""
    # A VLAN's name has a dot, which sysctl's own separator is as well: slashes are unambiguous.
    words = [f"{name}={value}" for name, value in values.items()]
    run(["sysctl", "-qw", *words], root=True, timeout=10)


def turn(switches: Iterable[Switch], journal: Path) -> None:
    """Turn those of ``switches`` that are there and are not as they shall be.

    ``journal`` is the file that keeps what was before.

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
        # It is not as we made it: the user's since, or of a boot since.
        was = old.was if old is not None and old.made == now else now
        followed = value(switch.follows) if switch.follows else None
        kept[switch.name] = Turned(was, switch.to, switch.follows, followed or "")
    if kept != before:
        # Before anything is changed: a kill between the two loses nothing.
        journals.write({name: asdict(turned) for name, turned in kept.items()}, journal)
    if todo:
        write(todo)


def put_back(journal: Path) -> list[str]:
    """Put back what `turn` found, where it is as `turn` left it; the names of these switches."""
    back = {
        name: turned.was for name, turned in _journalled(journal).items() if _ours(name, turned)
    }
    if back:
        write(back)
    journals.remove(journal)
    return list(back)


def _ours(name: str, turned: Turned) -> bool:
    """Whether the switch ``name`` is as we made it, and nobody has turned it too."""
    if turned.follows and value(turned.follows) != turned.followed:
        return False
    return value(name) == turned.made != turned.was


def _journalled(journal: Path) -> dict[str, Turned]:
    def understand(found: dict[str, dict[str, str]]) -> dict[str, Turned]:
        return {name: Turned(**turned) for name, turned in found.items()}

    return journals.read(journal, understand) or {}
