"""Things that demos made: found again by a label, and removed by that label only."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hostonly.errors import ToolFailed
from hostonly.vantages import Vantage

# Everything that a demo makes carries the first label; what --keep leaves, the second as well.
DEMO_LABEL = "hostonly.demo"
KEPT_LABEL = "hostonly.kept"

FIELDS = f'{{{{.Label "{DEMO_LABEL}"}}}} {{{{.Label "{KEPT_LABEL}"}}}}'
LISTINGS = {
    # Containers first: a network with a container in it cannot be removed. A swarm's own networks go
    # with the swarm.
    "container": ["docker", "ps", "-a", "--format", "{{.Names}} " + FIELDS],
    "network": [
        *("docker", "network", "ls", "--filter", "scope=local"),
        *("--format", "{{.Name}} " + FIELDS),
    ],
}
# A container that has ended has no address any more, except one that was asked for with --ip.
ADDRESSES = (
    "{{.Name}}{{range .NetworkSettings.Networks}} {{.IPAddress}}"
    "{{with .IPAMConfig}} {{.IPv4Address}}{{end}}{{end}}"
)
IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
# The engine makes this network when it joins a swarm, unless it exists. A swarm has no labels:
# where this network has our label, the swarm is ours.
SWARM_MARK = "docker_gwbridge"
SWARM_STATE = ["docker", "info", "--format", "{{.Swarm.LocalNodeState}}"]
REMOVALS = {
    "container": ["docker", "rm", "--force", "--volumes"],
    "swarm": ["docker", "swarm", "leave", "--force"],
    "network": ["docker", "network", "rm"],
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something with our label, made by ``demo``.

    ``kind`` is ``container``, ``network`` or ``swarm``; a swarm has no name. ``addresses`` are
    those of a container, which it gives up when it is removed.
    """

    kind: str
    name: str
    demo: str
    kept: bool
    addresses: tuple[str, ...] = ()


def labels(demo: str, *, keep: bool) -> tuple[str, ...]:
    """Return the options of ``docker run`` and ``docker network create`` that mark what is made."""
    kept = ("--label", f"{KEPT_LABEL}=yes") if keep else ()
    return ("--label", f"{DEMO_LABEL}={demo}", *kept)


def find(sandbox: Vantage) -> tuple[Leftover, ...]:
    """Return everything on ``sandbox`` that a demo made.

    Raises:
        hostonly.errors.ToolFailed: the engine did not list it.
        hostonly.errors.Unreachable: no connection.
    """
    found: list[Leftover] = []
    for kind, listing in LISTINGS.items():
        for line in _told(sandbox, [*listing, "--filter", f"label={DEMO_LABEL}"]):
            # No name and no value of ours has a space; an absent label is an empty field.
            name, demo, kept = line.split(" ")
            found.append(Leftover(kind, name, demo, bool(kept)))
    found = _with_addresses(sandbox, found)
    marks = [each for each in found if (each.kind, each.name) == ("network", SWARM_MARK)]
    if marks and _told(sandbox, SWARM_STATE) != ["inactive"]:
        found.append(replace(marks[0], kind="swarm", name=""))
    return tuple(found)


def _with_addresses(sandbox: Vantage, found: list[Leftover]) -> list[Leftover]:
    names = [each.name for each in found if each.kind == "container"]
    if not names:
        return found
    # The exit status does not count: one that is being removed has no address any more.
    told = sandbox.run(["docker", "container", "inspect", "--format", ADDRESSES, *names]).stdout
    lines = [line.split() for line in told.splitlines()]
    # Newer engines have words for no address.
    of = {
        name.removeprefix("/"): tuple(filter(IPV4.fullmatch, dict.fromkeys(words)))
        for name, *words in filter(None, lines)
    }
    return [replace(each, addresses=of.get(each.name, ())) for each in found]


def _told(sandbox: Vantage, command: list[str]) -> list[str]:
    result = sandbox.run(command)
    if not result.ok:
        raise ToolFailed(
            "the engine does not tell what demos left", ran=result.command, output=result.output
        )
    return result.stdout.splitlines()


def removals(leftovers: tuple[Leftover, ...]) -> list[list[str]]:
    """Return the commands that remove ``leftovers``."""
    commands = []
    for kind, removal in REMOVALS.items():
        names = [leftover.name for leftover in leftovers if leftover.kind == kind]
        if names:
            commands.append([*removal, *filter(None, names)])
    return commands
