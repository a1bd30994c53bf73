"""Servers that are containers of HelloSocket's image, on the network of an engine's machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hostonly.hello.conformance import NotPossible, StartedServer, Target, Wrong
from hostonly.hello.conformance.subject import START_SECONDS, port_said, says_nothing
from hostonly.image.engine import Engine
from hostonly.waiting import until

if TYPE_CHECKING:
    from docker.models.containers import Container

# What a killed run left is found by it.
LABEL = "hostonly.conformance"
POLL_SECONDS = 0.02


class ContainerServers:
    """A starter of containers of ``reference`` on ``engine``, whose machine is at ``address``.

    They have the network of that machine. See ``hostonly.hello.conformance.Starter``."""

    def __init__(self, engine: Engine, reference: str, address: str) -> None:
        self.name = reference
        self._engine = engine
        self._address = address

    def clear(self) -> None:
        """Remove the leftovers of a run that was killed."""
        for left in self._engine.client.containers.list(all=True, filters={"label": LABEL}):
            left.remove(force=True, v=True)

    @contextlib.contextmanager
    def start(
        self,
        *arguments: bytes,
        environment: Mapping[str, str] | None = None,
        unprivileged: bool = False,
    ) -> Iterator[StartedServer]:
        """Start a container, as ``Starter`` says; arguments must be UTF-8, as the API is JSON."""
        try:
            command = [argument.decode() for argument in arguments]
        except UnicodeDecodeError as error:
            raise NotPossible("an engine takes no argument that is not UTF-8") from error
        container = self._engine.client.containers.run(
            self.name,
            command,
            detach=True,
            environment=dict({"HELLO_PORT": "0"} if environment is None else environment),
            network_mode="host",
            cap_drop=["NET_BIND_SERVICE"] if unprivileged else None,
            labels={LABEL: "yes"},
        )
        try:
            started = _Container(container, self._address)
            started.wait_for_a_line()
            yield started
        finally:
            container.remove(force=True, v=True)


class _Container:
    """A container that was started."""

    def __init__(self, container: Container, address: str) -> None:
        self._container = container
        self._address = address

    @property
    def target(self) -> Target:
        return Target(self._address, port_said(self.output()[0]))

    def output(self) -> tuple[str, str]:
        out = self._container.logs(stdout=True, stderr=False)
        err = self._container.logs(stdout=False, stderr=True)
        return out.decode(errors="backslashreplace"), err.decode(errors="backslashreplace")

    def wait_for_a_line(self) -> None:
        def ready() -> bool:
            self._container.reload()
            ended = self._container.status in ("exited", "dead")
            return ended or b"\n" in self._container.logs(stdout=True, stderr=False)

        if not until(ready, bool, START_SECONDS, pause=POLL_SECONDS):
            raise Wrong(says_nothing())

    def signal(self, name: str) -> None:
        self._container.kill(signal=f"SIG{name}")

    def wait(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._container.reload()
            if self._container.status in ("exited", "dead"):
                return int(self._container.attrs["State"]["ExitCode"])
            time.sleep(POLL_SECONDS)
        raise Wrong(f"it is still there after {seconds:g} s")

    def line_over_ipv6(self) -> bytes:
        """Ask by the image's own ``nc``, since the machine's loopback is the container's."""
        code, _ = self._container.exec_run(["sh", "-c", "ip -6 addr show dev lo | grep -q ' ::1'"])
        if code != 0:
            raise NotPossible("the container has no IPv6 loopback, or no `ip` to see it with")
        # The SDK drops what comes in one breath with the engine's answer to its request: wait first.
        line = f"sleep 2; nc -w 5 ::1 {self.target.port}"
        code, output = self._container.exec_run(["sh", "-c", line])
        said = output if isinstance(output, bytes) else b"".join(output)
        if code != 0:
            raise Wrong(f"nc ::1 said {said!r}")
        return said
