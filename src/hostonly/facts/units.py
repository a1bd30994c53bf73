"""The units of systemd that have failed: ``systemctl list-units --failed``.

Source of the format: systemctl(1) of systemd 252, ``--output=json``: a list of objects with
``unit``, ``load``, ``active``, ``sub`` and ``description``."""

from __future__ import annotations

from hostonly.facts.fact import Unreadable, json_list
from hostonly.facts.questions import Question, question


def failed_units() -> Question[tuple[str, ...]]:
    """Ask for the names of the units that have failed, in systemd's order."""
    return question(["systemctl", "list-units", "--failed", "--output=json"], parse)


def parse(output: str) -> tuple[str, ...]:
    """Read the JSON list of failed units.

    Raises:
        Unreadable: the output is no such list, or a unit in it has not failed.
    """
    units = json_list(output)
    for unit in units:
        if not isinstance(unit.get("unit"), str) or unit.get("active") != "failed":
            raise Unreadable(f"{unit!r} is no failed unit")
    return tuple(unit["unit"] for unit in units)
