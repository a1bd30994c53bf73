"""A neighbour: a network namespace that stands for another machine on this machine's LAN."""

from __future__ import annotations

from collections.abc import Sequence

from hostonly.process import as_root
from hostonly.vantages.host import Host
from hostonly.vantages.vantage import Result


class Neighbour:
    """The network of the namespace ``namespace``, seen with this machine's own tools."""

    # Commands are shown as they can be typed on the host.
    prompt = "host"

    def __init__(self, name: str, namespace: str) -> None:
        """Make the vantage that reports call ``name`` (``LAN neighbour``)."""
        self._name = name
        self.namespace = namespace
        self._host = Host()

    @property
    def name(self) -> str:
        """The name in reports."""
        return self._name

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs ``argv`` in the namespace, from a shell of the host."""
        # Unlike `ip netns exec`, nsenter leaves /sys alone.
        return as_root(["nsenter", f"--net=/run/netns/{self.namespace}", "--", *argv])

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Run ``argv`` in the namespace.

        Raises:
            hostonly.errors.Unreachable: this machine could not start a process at all.
        """
        done = self._host.run(self.argv(argv), stdin=stdin, timeout=timeout)
        return Result(
            self._name, self.prompt, done.command, done.exit, done.stdout, done.stderr, done.seconds
        )
