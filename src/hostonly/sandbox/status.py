"""The state of a machine, asked of its provider in a hundredth of Vagrant's time."""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.providers import provider_of
from hostonly.providers.provider import HALF_DESTROYED
from hostonly.site import MachineSpec, Site


@dataclass(frozen=True, slots=True)
class Status:
    """A machine and its ``state``, in Vagrant's words (running, …) or ``half_destroyed``."""

    machine: str
    container: str
    provider: str
    address: str
    state: str


def status(site: Site, machine: MachineSpec) -> Status:
    """Return the status of ``machine`` now.

    Raises:
        ToolFailed: the provider's tool failed.
    """
    state = state_of(site, machine)
    return Status(machine.name, machine.instance, machine.provider, machine.address, state)


def state_of(site: Site, machine: MachineSpec) -> str:
    """Return the state of ``machine``, as in ``Status``.

    Raises:
        ToolFailed: the provider's tool failed.
    """
    provided = provider_of(site, machine)
    # A machine that Vagrant does not know, half made or lost from its sight, is not created yet.
    if not provided.known_to_vagrant:
        return "not_created"
    return HALF_DESTROYED if provided.half_destroyed else provided.state()
