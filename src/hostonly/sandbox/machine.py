"""A sandbox's life, through Vagrant: up, status, halt, destroy."""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.events import Done, Emit, Started, Unchanged, Warned
from hostonly.facts import Fact, Observed, observe
from hostonly.host import modules, traffic
from hostonly.host.command import as_root, ask_for_root
from hostonly.host.ending import Beside
from hostonly.sandbox import ahead, place, quick, starting
from hostonly.sandbox.awaiting import PREPARED, say
from hostonly.sandbox.login import Login
from hostonly.sandbox.names import MODULES, SWITCHES, claim_name, machines
from hostonly.sandbox.status import HALF_DESTROYED, Status, container_of, state_of
from hostonly.sandbox.vagrant_calls import VagrantCalls
from hostonly.site import Site
from hostonly.vantages.host import Host
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.vantages.sandbox import CONNECT_SECONDS, Sandbox
from hostonly.vantages.shared_ssh import NO_CONNECTION
from hostonly.waiting import limit, more_patience, until

READY_SECONDS = 300.0

# What a sandbox is there for.
SERVICES = ("ssh", "docker", "docker-registry", "registry-port")
POLL_SECONDS = 0.05

# Asked inside the sandbox in one round trip: both answer, or the status is not 0.
_ANSWERS = (
    "curl -sf -m {seconds:.0f} --unix-socket /var/run/docker.sock -o /dev/null http://docker/_ping"
    " && curl -sf -m {seconds:.0f} -o /dev/null http://127.0.0.1:{port}/v2/"
)
# Longer than either takes of itself, and short enough that a boot is seen to end.
ANSWER_SECONDS = 10.0


class Machine:
    """One machine of the Vagrantfile, ``sandbox`` or ``sandbox2``."""

    def __init__(self, site: Site, emit: Emit, name: str = "sandbox") -> None:
        self.site = site
        self.emit = emit
        self.name = name
        self.address = machines(site)[name]
        self.lxc = container_of(site.root, site.name, name)
        self.container = self.lxc.name
        self.login = Login(site, name)
        self.vagrant = VagrantCalls(site, name, emit)

    # --- where it is

    def vantage(self, *, retry_seconds: float = 0.0) -> Sandbox:
        """The sandbox as a place to look from; the connection is opened at first use."""
        return Sandbox(
            self.login.target,
            bridge=self.site.bridge.name,
            name=self.name,
            retry_seconds=retry_seconds,
        )

    def ssh_argv(self, command: list[str] | None = None) -> list[str]:
        """The ssh command line for a person's terminal, or for one ``command``."""
        return [*self.login.ssh, self.login.destination, *(command or [])]

    # --- what state it is in

    def status(self) -> Status:
        """What it is now. LXC is asked itself, which takes a hundredth of Vagrant's time.

        Raises:
            ToolFailed: the provider's tool failed.
        """
        provider = self.site.sandbox.provider
        return Status(self.name, self.container, provider, self.address, self._state())

    def observe_state(self) -> Fact[str]:
        """The same as a fact, for claims: the state in Vagrant's words, with the evidence."""
        if not (self.lxc.known_to_vagrant and self.lxc.exists):
            return Observed("not_created", ())
        if self.lxc.half_destroyed:
            return Observed(HALF_DESTROYED, ())
        ask_for_root()
        argv = as_root(["lxc-info", "--name", self.container, "--state", "--no-humanize"])
        return observe(Host(), argv, lambda said: said.strip().lower(), timeout=20)

    def _state(self) -> str:
        return state_of(self.lxc)

    def require_running(self) -> None:
        """Stop with a next step where it is not running.

        Raises:
            HostonlyError: it is not created or not running.
        """
        state = self._state()
        if state != "running":
            raise HostonlyError(
                f"the sandbox {self.name} is not running: {state.replace('_', ' ')}",
                remedy="./inv sandbox.up",
            )

    def answers(self, vantage: Sandbox) -> bool:
        """Whether Docker and the registry answer inside."""
        return vantage.run(["sh", "-c", self._question()], timeout=3 * ANSWER_SECONDS).ok

    def _question(self) -> str:
        port, seconds = self.site.registry_port, limit(ANSWER_SECONDS)
        return _ANSWERS.format(port=port, seconds=seconds)

    def remember(self) -> None:
        """Note what the settings came to, for the next call of a quick command."""
        inputs = quick.inputs_at_start(self.site.root)
        if inputs is None:
            return
        quick.remember(
            self.site.root,
            quick.Note(
                inputs=inputs,
                site=json.loads(self.site.to_json()),
                container=self.container,
                ssh=list(self.login.ssh),
                destination=self.login.destination,
            ),
        )

    def interact(self, command: list[str] | None) -> int:
        """Give the terminal to ssh: a shell, or ``command`` with its own streams; its exit status.

        Raises:
            Unreachable: the route to it does not leave by the host-only bridge.
        """
        require_host_only_route(self.address, self.site.bridge.name)
        # ssh joins its words with spaces and hands them to a shell there: quoted, they survive.
        line = [shlex.join(command)] if command else []
        argv = self.login.shared.argv(self.lxc.init())
        return subprocess.run([*argv, *line], check=False).returncode

    # --- its life

    def up(self) -> None:
        """Make and start it; returns when sshd, Docker and the registry answer.

        Quick where it is up already; the host's firewall rules are then made as they must be. Raises:
            HostonlyError: something is in the way, or it did not come up in time; with what to do.
        """
        start = time.monotonic()
        with self._locked("up"):
            if self._state() == "running" and self._ready(0.0):
                # Its packets' ways may be others than when it was made, and somebody may unload a module.
                modules.load(MODULES, self.emit)
                traffic.allow(self.site, SWITCHES, self.emit, again=True)
                self.emit(Unchanged(f"{self.name} is up at {self.address}"))
                return
            with place.proposed(self.site):
                claim_name(self.site, self.name)
            self.lxc.reconcile(self.emit)
            if self._state() == "running":
                self.lxc.await_end(self.emit)
            if self._state() == "running":
                self._prepare()
                self._mend()
            else:
                starting.start(self, self._prepare)
            self.emit(Started(f"waiting for Docker and the registry in {self.name}"))
            if not self._ready(READY_SECONDS):
                raise HostonlyError(
                    f"{self.name} is running, but Docker and the registry did not both answer"
                    f" within {limit(READY_SECONDS):g} s",
                    remedy="./inv sandbox.exec -- systemctl --failed   and   "
                    "./inv sandbox.exec -- sudo journalctl -b -p warning"
                    f"   say more. {more_patience()}",
                )
        self.emit(Done(f"{self.name} is up at {self.address}", time.monotonic() - start))

    def _prepare(self) -> None:
        from hostonly.sandbox import prepare

        prepare.prepare(self.site, self.name, self.emit)

    def _mend(self) -> None:
        """It runs and does not answer: give it its bridges back, and start what was stopped in it."""
        from hostonly.host import bridges

        self.lxc.reattach(bridges.bridges(self.site, self.site.root)[::-1], self.emit)
        if not self._ready(0.0):
            self.emit(Started(f"starting what does not answer in {self.name}"))
            self.lxc.start_services(SERVICES)

    def _ready(self, seconds: float) -> bool:
        over = (0, NO_CONNECTION)
        status = until(self._asked, over.__contains__, seconds, pause=POLL_SECONDS)
        if status != NO_CONNECTION:
            return status == 0
        # Fabric waits for an sshd that is only just coming, and says why it cannot be reached.
        with self.vantage(retry_seconds=seconds) as vantage:
            try:
                return until(lambda: self.answers(vantage), bool, seconds, pause=POLL_SECONDS)
            except Unreachable:
                if seconds == 0.0:
                    return False
                raise

    def _asked(self) -> int:
        """The exit status of asking inside whether Docker and the registry answer."""
        try:
            require_host_only_route(self.address, self.site.bridge.name)
            # A connection that was made before does not tell whether another could be.
            target = (self.login.target.address, self.login.target.port)
            socket.create_connection(target, limit(CONNECT_SECONDS)).close()
            argv = self.login.shared.argv(self.lxc.init())
        except (Unreachable, ToolFailed, OSError):
            return NO_CONNECTION
        return Host().run([*argv, self._question()], timeout=3 * ANSWER_SECONDS).exit

    def halt(self) -> None:
        """Shut it down cleanly; what it holds stays."""
        with self._locked("halt"):
            if self._state() != "running":
                self.emit(Unchanged(f"{self.name} is not running"))
                return
            start = time.monotonic()
            self.emit(Started(f"vagrant halt {self.name}"))
            self.login.shared.close()
            self._end(["halt", self.name], lambda v: v.halt(vm_name=self.name))
        self.emit(Done(f"{self.name} is halted", time.monotonic() - start))

    def destroy(self, *, last: bool = True) -> None:
        """Remove it with all it holds, and what the host had for it if it was the last.

        ``last``: no other one will be destroyed after it, so that the host's side is looked at.

        Raises:
            HostonlyError: Vagrant could not, or the container's name is another checkout's.
        """
        with self._locked("destroy"):
            claim_name(self.site, self.name)
            self.login.shared.close()
            if self.lxc.exists or self.lxc.known_to_vagrant:
                self.lxc.reconcile(self.emit)
            if self._state() == "not_created":
                self.emit(Unchanged(f"{self.name} is not created"))
            else:
                start = time.monotonic()
                self.emit(Started(f"vagrant destroy {self.name}"))
                arguments = ["destroy", self.name, "--force"]
                self._end(arguments, lambda v: v.destroy(vm_name=self.name))
                self.emit(Done(f"{self.name} is destroyed", time.monotonic() - start))
            if last:
                from hostonly.sandbox import prepare

                prepare.restore(self.site, self.emit)

    def _end(self, arguments: list[str], act: Callable[[Any], Any]) -> None:
        """Vagrant with ``arguments``, and LXC shutting it down already: Vagrant takes longer to begin."""
        verb, begun = arguments[0], ahead.file(arguments)
        with Beside(self.lxc.shut_down) as down:
            try:
                if begun is not None:
                    say(begun, PREPARED)
                if verb == "destroy":
                    # It is needed afterwards; now both are at work anyway.
                    import hostonly.sandbox.prepare  # noqa: F401
                self.vagrant.act(verb, act, awaiting=begun)
            except ToolFailed:
                down.result()
                if self.lxc.state() != "stopped":
                    raise
                # Vagrant came upon it in the moment when it was neither running nor stopped.
                self.vagrant.act(verb, act)
            down.result()

    @contextlib.contextmanager
    def _locked(self, verb: str) -> Iterator[None]:
        """One change of this checkout's sandboxes at a time, and what takes one away not under a demo; the
        kernel frees the locks at death. What a run that was killed has left is removed."""
        from hostonly.sandbox import lock, remains

        task = f"sandbox.{verb} {self.name}"
        with contextlib.ExitStack() as held:
            if verb != "up":
                held.enter_context(lock.demos(self.site, task, self.emit))
            held.enter_context(lock.sandboxes(self.site, task, self.emit))
            if left := remains.remove_killed(self.site):
                self.emit(Warned(f"a run that was killed had left {' and '.join(left)}: removed"))
            remains.finish_destructions(self.site, self.emit)
            yield
