"""What state a machine of the Vagrantfile is in; asked of LXC, in a hundredth of Vagrant's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hostonly.sandbox.container import Container
from hostonly.sandbox.quick import Note

TASK = "sandbox.status"

# In place of Vagrant's word for one that somebody has begun to destroy.
HALF_DESTROYED = "half_destroyed"


@dataclass(frozen=True, slots=True)
class Status:
    """``state`` in Vagrant's words: not_created, running, stopped, frozen, …; or ``half_destroyed``."""

    machine: str
    container: str
    provider: str
    address: str
    state: str


def container_of(root: Path, sandbox: str, machine: str) -> Container:
    """The container of ``machine`` in the checkout at ``root`` whose sandboxes are called
    ``sandbox``: the same words as in the Vagrantfile."""
    return Container(
        f"{sandbox}-{machine}", root / ".vagrant" / "machines" / machine / "lxc" / "id"
    )


def state_of(container: Container) -> str:
    """Its state, as in `Status`.

    Raises:
        ToolFailed: the provider's tool failed.
    """
    # What Vagrant does not know, whether half made or lost from its sight, is not created yet.
    if not container.known_to_vagrant:
        return "not_created"
    return HALF_DESTROYED if container.half_destroyed else container.state()


def asked(argv: Sequence[str]) -> bool:
    """Whether a command line asks for the states and nothing else."""
    return list(argv[1:]) in ([TASK], [TASK, "--json"])


def noted(root: Path, note: Note) -> list[Status]:
    """The states of the machines of the checkout at ``root``, by the settings in its ``note``.

    Raises:
        ToolFailed: the provider's tool failed.
    """
    sandbox, network = note.site["sandbox"], note.site["network"]
    found = []
    for machine in ("sandbox", "sandbox2"):
        container = container_of(root, sandbox["name"], machine)
        found.append(
            Status(
                machine,
                container.name,
                sandbox["provider"],
                str(network[machine]),
                state_of(container),
            )
        )
    return found
