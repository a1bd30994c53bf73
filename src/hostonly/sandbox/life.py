"""The life of machines, through Vagrant: up, halt, destroy; several by one Vagrant."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Event

from hostonly.background import Background
from hostonly.errors import HostonlyError, Taken, ToolFailed
from hostonly.events import Done, Started, Unchanged, Warned
from hostonly.host import modules, packages, traffic
from hostonly.ownership import free, lock, remains
from hostonly.ownership.owners import forgotten, release, require_ours
from hostonly.providers import provider_of
from hostonly.sandbox import prepare
from hostonly.sandbox.machine import Machine
from hostonly.sandbox.vagrant import Vagrant, awaited
from hostonly.site import MODULES, SWITCHES
from hostonly.waiting import limit, more_patience

READY_SECONDS = 300.0

# The services of a sandbox.
SERVICES = ("ssh", "docker", "docker-registry", "registry-port")


def up(machines: Sequence[Machine]) -> None:
    """Make and start ``machines``, of one site; wait until sshd, Docker and the registry answer.

    It is quick where they are up already; the host's firewall rules are then made as they must be.

    Raises:
        HostonlyError: something is in the way, or one did not come up in time; with what to do.
    """
    start = time.monotonic()
    site, emit = machines[0].site, machines[0].emit
    with _locked("up", machines):
        resting = [each for each in machines if not (each.state() == "running" and each.ready(0.0))]
        if len(resting) < len(machines):
            # Routes may have changed since they were made, and somebody may have unloaded a module.
            modules.load(MODULES, emit)
            traffic.allow(site, SWITCHES, emit, again=True)
        for machine in machines:
            if machine not in resting:
                emit(Unchanged(f"{machine.name} is up at {machine.address}"))
        if not resting:
            return
        with free.proposed(site):
            for machine in resting:
                require_ours(site, machine.spec)
        for machine in resting:
            machine.provider.reconcile(emit)
            if machine.state() == "running":
                machine.provider.await_end(emit)
        stopped = [machine for machine in resting if machine.state() != "running"]
        for machine in resting:
            if machine not in stopped:
                prepare.prepare(site, machine.spec, emit)
                _mend(machine)
        for group in _by_provider(stopped):
            _start(group)
        for machine in resting:
            _await_ready(machine)
            emit(Done(f"{machine.name} is up at {machine.address}", time.monotonic() - start))


def _await_ready(machine: Machine) -> None:
    machine.emit(Started(f"waiting for Docker and the registry in {machine.name}"))
    if not machine.ready(READY_SECONDS):
        at = f"./inv sandbox.exec --machine {machine.name}"
        raise HostonlyError(
            f"{machine.name} is running, but Docker and the registry did not both answer"
            f" within {limit(READY_SECONDS):g} s",
            remedy=f"{at} -- systemctl --failed   and   {at} -- sudo journalctl -b -p warning"
            f"   say more. {more_patience()}",
        )


def _mend(machine: Machine) -> None:
    """Give a running machine that does not answer its bridges back, and start its services."""
    machine.provider.reattach(machine.site.bridges[::-1], machine.emit)
    if not machine.ready(0.0):
        machine.emit(Started(f"starting what does not answer in {machine.name}"))
        machine.provider.start_services(SERVICES)


def _start(machines: Sequence[Machine]) -> None:
    """Run ``vagrant up`` of ``machines``, and make the host's side while Vagrant starts.

    Raises:
        HostonlyError: the host's side could not be made.
        ToolFailed: Vagrant failed.
    """
    site, emit = machines[0].site, machines[0].emit
    vagrant = Vagrant(site, [machine.spec for machine in machines], emit)

    def make() -> None:
        for machine in machines:
            prepare.prepare(site, machine.spec, emit)

    # For a user who is not root, Vagrant and the work beside it might each ask for sudo's password.
    if os.geteuid() != 0 or not (
        machines[0].provider.ready and not packages.missing(prepare.PACKAGES)
    ):
        # Vagrant could not start, or would look for a box that is yet to be added.
        make()
        emit(Started(f"vagrant up {vagrant.names}"))
        vagrant.up()
        return
    over = Event()
    with awaited(site, make) as awaiting, contextlib.ExitStack() as connecting:

        def beside() -> None:
            awaiting.work()
            for machine in machines[1:]:
                connecting.enter_context(Background(partial(machine.connect, over)))
            machines[0].connect(over)

        with Background(beside) as made:
            emit(Started(f"vagrant up {vagrant.names}"))
            try:
                vagrant.up(awaiting.file)
            except ToolFailed:
                over.set()
                # An error of the host's side is the reason; without one, Vagrant's own is.
                made.result()
                raise
            finally:
                over.set()
            made.result()


def halt(machine: Machine) -> None:
    """Shut ``machine`` down cleanly; its contents stay.

    Raises:
        ToolFailed: Vagrant could not.
    """
    with _locked("halt", [machine]):
        if machine.state() != "running":
            machine.emit(Unchanged(f"{machine.name} is not running"))
            return
        start = time.monotonic()
        machine.emit(Started(f"vagrant halt {machine.name}"))
        machine.shared.close()
        _end([machine], lambda vagrant: vagrant.halt())
    machine.emit(Done(f"{machine.name} is halted", time.monotonic() - start))


def destroy(machines: Sequence[Machine]) -> None:
    """Remove ``machines``, of one site, and with the last one everything the host had for them.

    Where these are all machines of the site, those go too that the settings no longer name.

    Raises:
        HostonlyError: Vagrant could not, or a machine's name is another checkout's (the others are gone then).
    """
    site, emit = machines[0].site, machines[0].emit
    start = time.monotonic()
    refused: Taken | None = None
    with _locked("destroy", machines):
        every, machines = [machine.name for machine in machines], list(machines)
        for machine in list(machines):
            try:
                require_ours(site, machine.spec)
            except Taken as error:
                refused = error
                machines.remove(machine)
                continue
            machine.shared.close()
            if machine.provider.exists or machine.provider.known_to_vagrant:
                machine.provider.reconcile(emit)
        made = [machine for machine in machines if machine.state() != "not_created"]
        for machine in machines:
            if machine not in made:
                emit(Unchanged(f"{machine.name} is not created"))
        for group in _by_provider(made):
            emit(Started(f"vagrant destroy {' '.join(machine.name for machine in group)}"))
            _end(group, lambda vagrant: vagrant.destroy())
        for machine in made:
            emit(Done(f"{machine.name} is destroyed", time.monotonic() - start))
        for spec in forgotten(site) if every == site.names else []:
            emit(Warned(f"{spec.instance} is no machine of the settings any more: removed"))
            provider_of(site, spec).remove()
            release(site, spec)
            provider_of(site, spec).let_go()
        prepare.restore(site, emit)
    if refused is not None:
        raise refused


def _by_provider(machines: Sequence[Machine]) -> list[list[Machine]]:
    """Return the machines in groups of one provider: one Vagrant takes no more than one."""
    providers = dict.fromkeys(machine.spec.provider for machine in machines)
    return [[each for each in machines if each.spec.provider == name] for name in providers]


def _end(machines: Sequence[Machine], act: Callable[[Vagrant], None]) -> None:
    """Call Vagrant, which is slow to begin, while the provider shuts the machines down already."""
    vagrant = Vagrant(machines[0].site, [each.spec for each in machines], machines[0].emit)
    with contextlib.ExitStack() as ending:
        down = [ending.enter_context(Background(each.provider.shut_down)) for each in machines]
        try:
            act(vagrant)
        except ToolFailed:
            for each in down:
                each.result()
            if any(each.provider.state() not in ("stopped", "not_created") for each in machines):
                raise
            # Vagrant looked at a machine in the moment when it was neither running nor stopped.
            act(vagrant)
        for each in down:
            each.result()


@contextlib.contextmanager
def _locked(verb: str, machines: Sequence[Machine]) -> Iterator[None]:
    """Allow one change of this checkout's sandboxes at a time, and remove what a killed run left.

    No machine is taken away under a demo. The kernel frees the locks when this process dies.
    """
    site, emit = machines[0].site, machines[0].emit
    task = f"sandbox.{verb} {' '.join(machine.name for machine in machines)}"
    with contextlib.ExitStack() as held:
        if verb != "up":
            held.enter_context(lock.demos(site, task, emit))
        held.enter_context(lock.sandboxes(site, task, emit))
        if left := remains.remove_killed(site):
            emit(Warned(f"a run that was killed had left {' and '.join(left)}: removed"))
        remains.finish_destructions(site, emit)
        yield
