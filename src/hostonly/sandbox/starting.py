"""Having Vagrant make and start a machine, with everything beside it that need not wait for it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Any

from hostonly.errors import ToolFailed, Unreachable
from hostonly.events import Started
from hostonly.host.ending import Beside
from hostonly.sandbox import ahead, quick
from hostonly.sandbox.awaiting import told, vagrant_can_wait
from hostonly.sandbox.login import PORT
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.waiting import limit

if TYPE_CHECKING:
    from hostonly.sandbox.machine import Machine

POLL_SECONDS = 0.1
ANSWER_SECONDS = 1.0


def start(machine: Machine, prepare: Callable[[], None]) -> None:
    """`vagrant up` of ``machine`` on the host's side, which ``prepare`` makes while Vagrant starts.

    Raises:
        HostonlyError: the host's side could not be made. ToolFailed: Vagrant failed.
    """
    site = machine.site
    provider = site.sandbox.provider

    def up(calls: Any) -> None:
        calls.up(vm_name=machine.name, provider=provider)

    begun = ahead.file(["up", machine.name, f"--provider={provider}"])
    if not vagrant_can_wait(site):
        prepare()
        machine.emit(Started(f"vagrant up {machine.name}"))
        machine.vagrant.act("up", up)
        return
    over = Event()
    with told(site.state, prepare, begun) as awaiting:

        def beside() -> None:
            awaiting.work()
            _connect(machine, over)

        with Beside(beside) as made:
            machine.emit(Started(f"vagrant up {machine.name}"))
            try:
                machine.vagrant.act("up", up, awaiting=awaiting.file)
            except ToolFailed:
                over.set()
                # What was wrong with the host's side is the reason; else Vagrant's own is.
                made.result()
                raise
            finally:
                over.set()
            made.result()


def _connect(machine: Machine, over: Event) -> None:
    """Open the shared connection while Vagrant waits, which looks at the machine once a second; until
    it is ``over``. Asking costs next to nothing, since others may be starting theirs."""
    init = ""
    while not over.wait(POLL_SECONDS):
        if not init:
            # Not before Vagrant has noted it: lxc-create holds the container's mark of being half made
            # not quite as long as it is there, and whoever looks in between destroys the container.
            if machine.lxc.known_to_vagrant:
                init = quick.init_of(machine.container)
            continue
        with contextlib.suppress(OSError, Unreachable):
            require_host_only_route(machine.address, machine.site.bridge.name)
            while not _ssh_answers(machine.address):
                if over.wait(POLL_SECONDS):
                    return
            if machine.login.shared.ready(init):
                return


def _ssh_answers(address: str) -> bool:
    """Whether an sshd says its first line there."""
    try:
        with socket.create_connection((address, PORT), timeout=limit(ANSWER_SECONDS)) as caller:
            return caller.recv(4) == b"SSH-"
    except OSError:
        return False
