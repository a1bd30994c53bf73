"""What demos made, found again by its label, and removed by nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.errors import ToolFailed
from hostonly.vantages import Vantage

# Everything that a demo makes carries the first label; what --keep leaves, the second as well.
DEMO_LABEL = "hostonly.demo"
KEPT_LABEL = "hostonly.kept"

FIELDS = f'{{{{.Label "{DEMO_LABEL}"}}}} {{{{.Label "{KEPT_LABEL}"}}}}'
LISTINGS = {
    # Containers first: a network with a container in it cannot be removed.
    "container": ["docker", "ps", "-a", "--format", "{{.Names}} " + FIELDS],
    "network": ["docker", "network", "ls", "--format", "{{.Name}} " + FIELDS],
}
REMOVALS = {
    "container": ["docker", "rm", "--force", "--volumes"],
    "network": ["docker", "network", "rm"],
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something with our label. ``kind`` is ``container`` or ``network``; ``demo`` made it."""

    kind: str
    name: str
    demo: str
    kept: bool


def labels(demo: str, *, keep: bool) -> tuple[str, ...]:
    """The options of ``docker run`` and ``docker network create`` that mark what ``demo`` makes."""
    kept = ("--label", f"{KEPT_LABEL}=yes") if keep else ()
    return ("--label", f"{DEMO_LABEL}={demo}", *kept)


def find(sandbox: Vantage) -> tuple[Leftover, ...]:
    """Everything at ``sandbox`` that a demo made, containers before networks.

    Raises:
        hostonly.errors.ToolFailed: the engine did not tell.
        hostonly.errors.Unreachable: no connection.
    """
    found: list[Leftover] = []
    for kind, listing in LISTINGS.items():
        result = sandbox.run([*listing, "--filter", f"label={DEMO_LABEL}"])
        if not result.ok:
            raise ToolFailed(
                "the engine does not tell what demos left", ran=result.command, output=result.output
            )
        for line in result.stdout.splitlines():
            # No name and no value of ours has a space; an absent label is an empty field.
            name, demo, kept = line.split(" ")
            found.append(Leftover(kind, name, demo, bool(kept)))
    return tuple(found)


def removals(leftovers: tuple[Leftover, ...]) -> list[list[str]]:
    """The commands that remove ``leftovers``."""
    commands = []
    for kind, removal in REMOVALS.items():
        names = [leftover.name for leftover in leftovers if leftover.kind == kind]
        if names:
            commands.append([*removal, *names])
    return commands
