"""A container on the sandbox: its commands by ``docker exec``, its network by ``nsenter``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hostonly.errors import Unreachable
from hostonly.vantages.vantage import Result, Vantage

# What `docker` says, with status 1, when it is the container or the engine that is missing, not
# the command inside.
ABSENT = ("Error: No such container", "Error response from daemon", "Cannot connect to the Docker")


class _OfContainer:
    """A running container named ``container`` on ``sandbox``."""

    def __init__(self, sandbox: Vantage, container: str) -> None:
        self._sandbox = sandbox
        self._container = container

    @property
    def name(self) -> str:
        """The name in reports: ``container NAME``."""
        return f"container {self._container}"

    @property
    def prompt(self) -> str:
        """The sandbox's prompt: ``docker exec`` and ``nsenter`` are typed there."""
        return self._sandbox.prompt


class Container(_OfContainer):
    """A running container named ``container`` on ``sandbox``, seen with its own tools."""

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Run ``argv`` in the container by ``docker exec``.

        Raises:
            hostonly.errors.Unreachable: there is no such running container, or no engine.
        """
        command = ["docker", "exec", *(["-i"] if stdin is not None else []), self._container, *argv]
        result = self._sandbox.run(command, stdin=stdin, timeout=timeout)
        if result.exit == 1 and result.stderr.startswith(ABSENT):
            raise Unreachable(
                f"container {self._container} could not be entered",
                ran=result.command,
                output=result.stderr,
            )
        return replace(result, vantage=self.name)


class Namespace(_OfContainer):
    """The network namespace of ``container``, seen with the tools of ``sandbox``.

    It is for what the container's image has no tool for. The container's init is looked up each
    time: a restarted container has another, and the old number may be somebody else's."""

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Run ``argv`` of the sandbox in the container's network namespace, as root.

        Raises:
            hostonly.errors.Unreachable: there is no such running container, or no engine.
        """
        # nsenter, since `ip netns exec` remounts /sys and hides the cgroups.
        command = ["sudo", "nsenter", "--target", str(self._init()), "--net", *argv]
        result = self._sandbox.run(command, stdin=stdin, timeout=timeout)
        return replace(result, vantage=self.name)

    def _init(self) -> int:
        inspect = ["docker", "container", "inspect", "--format", "{{.State.Pid}}", self._container]
        result = self._sandbox.run(inspect)
        pid = result.stdout.strip()
        if not result.ok or not pid.isdecimal() or pid == "0":
            raise Unreachable(
                f"container {self._container} is not running",
                ran=result.command,
                output=result.output,
            )
        return int(pid)
