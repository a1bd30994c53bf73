"""The machines' states, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hostonly.report.document import SCHEMA, dumps


class MachineStatus(Protocol):
    """The part of a machine's status that is shown."""

    @property
    def machine(self) -> str:
        """The machine's name in the settings."""
        ...

    @property
    def container(self) -> str:
        """The provider's name for the machine."""
        ...

    @property
    def provider(self) -> str:
        """The provider's own name."""
        ...

    @property
    def address(self) -> str:
        """The address on the host-only network."""
        ...

    @property
    def state(self) -> str:
        """The state in Vagrant's words, such as ``not_created``."""
        ...


def as_table(found: Sequence[MachineStatus]) -> str:
    """Return one line a machine: name, state, address, provider."""
    named = 1 + max(len(status.machine) for status in found)
    width = max(len(status.state) for status in found)
    return "\n".join(
        f"{s.machine:<{named}} {s.state.replace('_', ' '):<{width}}  {s.address:<15} {s.provider}"
        for s in found
    )


def as_json(found: Sequence[MachineStatus]) -> str:
    """Return ``{"schema", "kind": "status", "machines": […]}``."""
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
