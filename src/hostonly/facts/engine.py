"""The Docker engine: its version, firewall backend and swarm state, from ``docker info``.

Source of the format: Docker Engine API v1.41, ``SystemInfo``, as
``docker info --format '{{json .}}'`` prints it (with ``ServerErrors`` and status 0 or 1 where no
engine answers). ``FirewallBackend`` exists since 28.2; engines without it have iptables only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostonly.facts.fact import Unreadable, json_object
from hostonly.facts.questions import Question, question

NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """A Docker engine, as it describes itself.

    ``version`` is in its own words. ``firewall_backend`` is ``iptables``, ``nftables`` or what a
    later engine says. ``swarm`` is the node's state: ``inactive``, ``pending``, ``active``,
    ``error`` or ``locked``."""

    version: str
    firewall_backend: str
    swarm: str

    @property
    def release(self) -> tuple[int, int, int]:
        """The version as numbers, to be compared: ``20.10.24+dfsg1`` is (20, 10, 24)."""
        return _release(self.version)


def engine() -> Question[EngineInfo]:
    """Ask for the engine that answers the vantage's ``docker``."""
    return question(["docker", "info", "--format", "{{json .}}"], parse)


def parse(output: str) -> EngineInfo:
    """Read ``docker info`` in JSON.

    Raises:
        Unreadable: no engine answered, or the output is not as the engine's API describes it.
    """
    info = json_object(output)
    if info.get("ServerErrors"):
        raise Unreadable(f"no engine answers: {info['ServerErrors'][0]}")
    try:
        seen = EngineInfo(
            version=str(info["ServerVersion"]),
            firewall_backend=str((info.get("FirewallBackend") or {}).get("Driver", "iptables")),
            swarm=str((info.get("Swarm") or {}).get("LocalNodeState", "inactive")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"not as the engine's API describes it: {error!r}") from error
    # An unreadable version is to be noticed here, not where it is first compared.
    _release(seen.version)
    return seen


def _release(version: str) -> tuple[int, int, int]:
    match = NUMBERS.match(version)
    if match is None:
        raise Unreadable(f"version {version!r}")
    major, minor, patch = match.groups()
    return int(major), int(minor), int(patch or 0)
