"""The machines' states, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hostonly.report.document import SCHEMA, dumps


class MachineStatus(Protocol):
    """What is shown of a machine."""

    @property
    def machine(self) -> str: ...
    @property
    def container(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def state(self) -> str: ...


def as_table(found: Sequence[MachineStatus]) -> str:
    """One line a machine: name, state, address, provider."""
    named = 1 + max(len(status.machine) for status in found)
    width = max(len(status.state) for status in found)
    return "\n".join(
        f"{s.machine:<{named}} {s.state.replace('_', ' '):<{width}}  {s.address:<15} {s.provider}"
        for s in found
    )


def as_json(found: Sequence[MachineStatus]) -> str:
    """``{"schema", "kind": "status", "machines": […]}``."""
    machines = [
        {
            "machine": s.machine,
            "state": s.state,
            "address": s.address,
            "provider": s.provider,
            "container": s.container,
        }
        for s in found
    ]
    return dumps({"schema": SCHEMA, "kind": "status", "machines": machines})
