"""Clearing up after a demo: commands that it registered, and everything that carries its label."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address
from typing import Protocol

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Emit, Warned
from hostonly.site import Bridge
from hostonly.stage import gossip
from hostonly.stage.leftovers import DEMO_LABEL, SWARM_MARK, Leftover, find, removals
from hostonly.vantages import Result, Vantage, typed_on_host
from hostonly.waiting import more_patience, until

# An engine prints these words when a limit of its own strikes: 15 s for its node to stop (the node
# goes on stopping), and 20 s for a manager to let a container onto an overlay network (moby,
# daemon/cluster: nodeRunner.Stop, AttachNetwork).
LATE = "context deadline exceeded"
LEAVE_SECONDS = 300.0
# An engine's words for its network in a swarm while something of the swarm is still attached.
HELD = re.compile(rf"\b{SWARM_MARK}\b.* has active endpoints")


class Step(Protocol):
    """The shape of ``Stage.step``: every removal is a step that is shown."""

    def __call__(self, vantage: Vantage, *argv: str, may_fail: bool = False) -> Result:
        """Run ``argv`` at ``vantage`` as a step."""


class Clearing:
    """Everything that is to be cleared up after one run of ``demo``.

    ``sandboxes`` gives those that the run uses so far; they and the ``host`` are on ``bridge``.
    """

    def __init__(
        self,
        demo: str,
        step: Step,
        host: Vantage,
        sandboxes: Callable[[], Sequence[Vantage]],
        bridge: Bridge,
        emit: Emit,
    ) -> None:
        self._demo = demo
        self._step = step
        self._host = host
        self._sandboxes = sandboxes
        self._bridge = bridge
        self._emit = emit
        self._exits: list[tuple[Vantage, tuple[str, ...]]] = []

    def add(self, vantage: Vantage, argv: tuple[str, ...]) -> None:
        """Register ``argv`` to be run at the end; the command that was added last is run first."""
        self._exits.append((vantage, argv))

    def undo(self) -> Result:
        """Run the command that was added last now, and forget it unless it failed."""
        vantage, argv = self._exits[-1]
        result = self._step(vantage, *argv)
        self._exits.pop()
        return result

    def remove_labelled(self) -> None:
        """Remove everything that carries the demo's label."""
        for vantage in self._sandboxes():
            self._remove(vantage, self._mine(vantage))

    def close(self) -> list[HostonlyError]:
        """Clear up and return the errors of what could not be removed.

        Every registered command and every sandbox is tried, also after another one failed. A second
        call tries everything again: an interrupted command may take effect, and a broken connection
        be back, after the first.
        """
        errors: list[HostonlyError] = []
        for vantage, argv in reversed(self._exits):
            try:
                self._step(vantage, *argv, may_fail=True)
            except HostonlyError as error:
                errors.append(error)
        for vantage in self._sandboxes():
            try:
                self._remove(vantage, self._mine(vantage))
            except HostonlyError as error:
                errors.append(error)
        return errors

    def commands(self) -> tuple[str, ...]:
        """Return what ``close`` would run, as a person types it in a shell of the host."""
        made = [
            (vantage, tuple(command))
            for vantage in self._sandboxes()
            for command in removals(self._mine(vantage))
        ]
        given_up = [
            each
            for vantage in self._sandboxes()
            for leftover in self._mine(vantage)
            for each in self.forgetting(leftover.addresses)
        ]
        every = (*reversed(self._exits), *made, *given_up)
        return tuple(typed_on_host(vantage.prompt, argv) for vantage, argv in every)

    def forgetting(self, addresses: Iterable[str]) -> list[tuple[Vantage, tuple[str, ...]]]:
        """Return the commands that make host and sandboxes forget the MACs of ``addresses``.

        Addresses outside the host-only network are left out. A kernel goes on for up to a minute to
        send to the MAC that it remembers, so that the next owner of the address is not reached
        meanwhile. An entry that somebody made permanent stays (ip-neighbour(8)).
        """
        where: list[tuple[Vantage, tuple[str, ...]]] = [
            *((sandbox, ()) for sandbox in self._sandboxes()),
            (self._host, ("dev", self._bridge.name)),
        ]
        return [
            (vantage, ("sudo", "ip", "neigh", "flush", "to", address, *device))
            for address in addresses
            if IPv4Address(address) in self._bridge.network
            for vantage, device in where
        ]

    def remove_leftovers(self, sandbox: Vantage) -> None:
        """Remove what earlier runs left: all of this demo, and of other demos what was not kept."""
        old = tuple(each for each in find(sandbox) if each.demo == self._demo or not each.kept)
        if old:
            names = ", ".join(f"{each.kind} {each.name}".rstrip() for each in old)
            self._emit(
                Warned(
                    f"an earlier demo left {names} ({DEMO_LABEL}): removing it from {sandbox.name}"
                )
            )
        self._remove(sandbox, old)

    def _mine(self, sandbox: Vantage) -> tuple[Leftover, ...]:
        return tuple(each for each in find(sandbox) if each.demo == self._demo)

    def _remove(self, sandbox: Vantage, leftovers: tuple[Leftover, ...]) -> None:
        """Remove ``leftovers``, each kind also after another one could not be removed.

        Raises:
            ToolFailed: the first of what could not be removed; the others were tried.
            hostonly.errors.HostonlyError: the sandbox was not reached, and nothing more was tried.
        """
        failed: list[ToolFailed] = []
        for command in removals(leftovers):
            try:
                self._run_to_end(sandbox, command)
            except ToolFailed as error:
                failed.append(error)
        for leftover in leftovers:
            for vantage, forget in self.forgetting(leftover.addresses):
                self._step(vantage, *forget, may_fail=True)
        if any(each.kind == "swarm" for each in leftovers):
            # Before the next engine leaves, which would have no other to tell.
            gossip.end(sandbox, self._step, self._emit)
        if failed:
            raise failed[0]

    def _run_to_end(self, sandbox: Vantage, command: Sequence[str]) -> None:
        """Run a removal, and run it again while the engine is still at work on it.

        An engine answers before its node has stopped and has let go of its swarm's network. If it
        does not let go of that network in time it never will (it left while its tasks were being
        started): then it is restarted. What it has reported as removed is not asked for again.

        Raises:
            ToolFailed: it could not be done, or not in time.
            hostonly.errors.HostonlyError: a restart would end containers that run there.
        """
        gone: set[str] = set()

        def remove() -> Result:
            words = [word for word in command if word not in gone]
            result = self._step(sandbox, *words, may_fail=True)
            gone.update(result.stdout.splitlines())
            return result

        last = until(remove, lambda result: result.ok or LATE not in result.output, LEAVE_SECONDS)
        if HELD.search(last.output):
            last = until(
                remove, lambda result: not HELD.search(result.output), gossip.SECONDS, pause=1.0
            )
        if HELD.search(last.output):
            gossip.restart(sandbox, f"still holds {SWARM_MARK}", last, self._step, self._emit)
            last = remove()
        if not last.ok:
            late = LATE in last.output
            raise ToolFailed(last.failure, remedy=more_patience() if late else None)
