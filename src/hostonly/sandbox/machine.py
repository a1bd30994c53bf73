"""A sandbox's life, through Vagrant: up, status, halt, destroy. The sole importer of python-vagrant."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.events import Done, Emit, Progress, Started, Unchanged
from hostonly.facts import Fact, Observed, observe
from hostonly.host import bridges
from hostonly.host.command import as_root, run
from hostonly.sandbox import names, prepare
from hostonly.sandbox.container import Container
from hostonly.sandbox.keys import Keys
from hostonly.settings import Settings
from hostonly.vantages.host import Host
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.vantages.sandbox import Sandbox, SshTarget

if TYPE_CHECKING:
    import vagrant

READY_SECONDS = 60.0

# Longer than Vagrant's own limits for booting and for a graceful halt together.
VAGRANT_SECONDS = 180.0
BUSY_SECONDS = 60.0

# What a sandbox is there for.
SERVICES = ("ssh", "docker", "docker-registry", "registry-port")
POLL_SECONDS = 0.05
LOCK_SECONDS = 600.0

# Asked inside the sandbox in one round trip: both answer, or the status is not 0.
_ANSWERS = (
    "curl -sf -m 5 --unix-socket /var/run/docker.sock -o /dev/null http://docker/_ping"
    " && curl -sf -m 5 -o /dev/null http://127.0.0.1:{port}/v2/"
)


@dataclass(frozen=True, slots=True)
class Status:
    """``state`` in Vagrant's words: not_created, running, stopped, frozen, …"""

    machine: str
    container: str
    provider: str
    address: str
    state: str


class Machine:
    """One machine of the Vagrantfile, ``sandbox`` or ``sandbox2``."""

    def __init__(self, settings: Settings, emit: Emit, name: str = "sandbox") -> None:
        self.settings = settings
        self.emit = emit
        self.name = name
        self.address = names.machines(settings)[name]
        self.container = names.container_name(settings, name)
        machines = settings.root / ".vagrant" / "machines"
        self.lxc = Container(self.container, machines / name / "lxc" / "id")

    # --- where it is

    def target(self) -> SshTarget:
        """How to reach it by SSH: our own key, and the host key that was made for it."""
        keys = Keys(self.settings.state / "ssh")
        return SshTarget(self.address, 22, "vagrant", keys.login, keys.known_hosts)

    def vantage(self, *, retry_seconds: float = 0.0) -> Sandbox:
        """The sandbox as a place to look from; the connection is opened at first use."""
        return Sandbox(
            self.target(),
            bridge=self.settings.network.bridge,
            name=self.name,
            retry_seconds=retry_seconds,
        )

    def ssh_argv(self, command: list[str] | None = None) -> list[str]:
        """The ssh command line for a person's terminal, or for one ``command``."""
        target = self.target()
        argv = ["ssh", "-F", "none", "-i", str(target.key), "-o", "IdentitiesOnly=yes"]
        # ssh splits the file name at spaces unless it is quoted once more.
        argv += [
            "-o",
            f'UserKnownHostsFile="{target.known_hosts}"',
            "-o",
            "StrictHostKeyChecking=yes",
        ]
        argv += ["-o", "GlobalKnownHostsFile=none", "-o", "LogLevel=ERROR"]
        return [*argv, f"{target.user}@{target.address}", *(command or [])]

    # --- what state it is in

    def status(self) -> Status:
        """What it is now. LXC is asked itself, which takes a hundredth of Vagrant's time.

        Raises:
            ToolFailed: the provider's tool failed.
        """
        provider = self.settings.sandbox.provider
        return Status(self.name, self.container, provider, self.address, self._state())

    def observe_state(self) -> Fact[str]:
        """The same as a fact, for claims: the state in Vagrant's words, with the evidence."""
        if not (self.lxc.known_to_vagrant and self.lxc.exists):
            return Observed("not_created", ())
        argv = as_root(["lxc-info", "--name", self.container, "--state", "--no-humanize"])
        return observe(Host(), argv, lambda said: said.strip().lower(), timeout=20)

    def _state(self) -> str:
        # What Vagrant does not know, whether half made or lost from its sight, is not created yet.
        return self.lxc.state() if self.lxc.known_to_vagrant else "not_created"

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
        line = _ANSWERS.format(port=self.settings.registry.port)
        return vantage.run(["sh", "-c", line], timeout=15).ok

    def interact(self, command: list[str] | None) -> int:
        """Give the terminal to ssh: a shell, or ``command`` with its own streams; its exit status.

        Raises:
            Unreachable: the route to it does not leave by the host-only bridge.
        """
        require_host_only_route(self.address, self.settings.network.bridge)
        # ssh joins its words with spaces and hands them to a shell there: quoted, they survive.
        line = [shlex.join(command)] if command else None
        return subprocess.run(self.ssh_argv(line), check=False).returncode

    # --- its life

    def up(self) -> None:
        """Make and start it; returns when sshd, Docker and the registry answer.

        Quick where it is up already. Raises:
            HostonlyError: something is in the way, or it did not come up in time; with what to do.
        """
        start = time.monotonic()
        with self._locked("up"):
            if self._state() == "running" and self._ready(0.0):
                self.emit(Unchanged(f"{self.name} is up at {self.address}"))
                return
            prepare.claim_name(self.settings, self.name)
            self.lxc.reconcile(self.emit)
            prepare.prepare(self.settings, self.name, self.emit)
            if self._state() == "running":
                self._mend()
            else:
                self.emit(Started(f"vagrant up {self.name}"))
                provider = self.settings.sandbox.provider
                self._vagrant("up", lambda v: v.up(vm_name=self.name, provider=provider))
            self.emit(Started(f"waiting for Docker and the registry in {self.name}"))
            if not self._ready(READY_SECONDS):
                raise HostonlyError(
                    f"{self.name} is running, but Docker and the registry did not both answer"
                    f" within {READY_SECONDS:g} s",
                    remedy="./inv sandbox.exec -- systemctl --failed   and   "
                    "./inv sandbox.exec -- sudo journalctl -b -p warning",
                )
        self.emit(Done(f"{self.name} is up at {self.address}", time.monotonic() - start))

    def _mend(self) -> None:
        """It runs and does not answer: give it its bridges back, and start what was stopped in it."""
        self.lxc.reattach(bridges.bridges(self.settings, self.settings.root)[::-1], self.emit)
        if not self._ready(0.0):
            self.emit(Started(f"starting what does not answer in {self.name}"))
            self.lxc.start_services(SERVICES)

    def _ready(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        with self.vantage(retry_seconds=seconds) as vantage:
            while True:
                try:
                    if self.answers(vantage):
                        return True
                except Unreachable:
                    if seconds == 0.0:
                        return False
                    raise
                if time.monotonic() >= deadline:
                    return False
                time.sleep(POLL_SECONDS)

    def halt(self) -> None:
        """Shut it down cleanly; what it holds stays."""
        with self._locked("halt"):
            if self._state() != "running":
                self.emit(Unchanged(f"{self.name} is not running"))
                return
            start = time.monotonic()
            self.emit(Started(f"vagrant halt {self.name}"))
            self._vagrant("halt", lambda v: v.halt(vm_name=self.name))
        self.emit(Done(f"{self.name} is halted", time.monotonic() - start))

    def destroy(self) -> None:
        """Remove it with all it holds, and what the host had for it if it was the last.

        Raises:
            HostonlyError: Vagrant could not, or the container's name is another checkout's.
        """
        with self._locked("destroy"):
            prepare.claim_name(self.settings, self.name)
            if self.lxc.exists or self.lxc.known_to_vagrant:
                self.lxc.reconcile(self.emit)
            if self._state() == "not_created":
                self.emit(Unchanged(f"{self.name} is not created"))
            else:
                start = time.monotonic()
                self.emit(Started(f"vagrant destroy {self.name}"))
                self._vagrant("destroy", lambda v: v.destroy(vm_name=self.name))
                self.emit(Done(f"{self.name} is destroyed", time.monotonic() - start))
            prepare.restore(self.settings, self.emit)

    # --- Vagrant

    @contextlib.contextmanager
    def _locked(self, verb: str) -> Iterator[None]:
        """One change of this checkout's sandboxes at a time; the kernel frees the lock at death."""
        self.settings.state.mkdir(exist_ok=True)
        lock = FileLock(self.settings.state / "sandbox.lock")
        holder = self.settings.state / "sandbox.lock.holder"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            who = holder.read_text().strip() if holder.exists() else "another process"
            self.emit(Started(f"waiting for {who}"))
            try:
                lock.acquire(timeout=LOCK_SECONDS)
            except Timeout as error:
                raise HostonlyError(
                    f"{who} has been changing this checkout's sandboxes for {LOCK_SECONDS:g} s",
                    remedy="Wait for it or end it, then try again.",
                ) from error
        try:
            holder.write_text(f"inv sandbox.{verb} {self.name} (process {os.getpid()})\n")
            yield
        finally:
            lock.release()

    def _vagrant(self, verb: str, act: Callable[[vagrant.Vagrant], Any]) -> None:
        """Let ``act`` call Vagrant once; its output is progress and, on failure, the error's lines.

        Raises:
            ToolFailed: Vagrant failed or did not end within ``VAGRANT_SECONDS``.
        """
        import vagrant

        machine = self

        class Followed(vagrant.Vagrant):
            """python-vagrant, whose calls are bounded and can be followed."""

            def _call_vagrant_command(self, args: list[str | None]) -> None:
                machine.call_vagrant([word for word in args if word is not None])

        if os.geteuid() != 0:
            # Where sudo wants a password it is asked for here, at the terminal, and not behind it.
            run(["true"], root=True)
        try:
            api: Any = Followed
            act(api(root=str(self.settings.root)))
        except ToolFailed as error:
            raise ToolFailed(
                f"vagrant {verb} of {self.name} did not work: {error.what}",
                ran=f"vagrant {verb} {self.name}",
                output=error.output,
                remedy="./inv sandbox.up tries again; ./inv sandbox.destroy begins anew",
            ) from error

    def call_vagrant(self, arguments: list[str]) -> None:
        """Run ``vagrant`` in the checkout, on our machine whatever the caller's environment says.

        Raises:
            ToolFailed: it failed or took too long.
        """
        # A user's VAGRANT_CWD, VAGRANT_DOTFILE_PATH and so on would lead to another machine.
        theirs = [k for k in os.environ if k.startswith("VAGRANT_") and k != "VAGRANT_HOME"]
        unset = [word for variable in theirs for word in ("-u", variable)]
        ours = {
            "HOSTONLY_PREPARED": "1",
            "HOSTONLY_SETTINGS": self.settings.to_json(),
            "VAGRANT_CHECKPOINT_DISABLE": "1",
        }
        assignments = [f"{key}={value}" for key, value in ours.items()]
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                run(
                    ["env", *unset, *assignments, "vagrant", *arguments],
                    cwd=self.settings.root,
                    timeout=VAGRANT_SECONDS,
                    on_line=lambda line: self.emit(Progress(line.strip())),
                )
                return
            except ToolFailed as error:
                # Its caller was killed and it was not: it ends by itself, and frees its lock.
                if "is locked" not in error.output or time.monotonic() >= deadline:
                    raise
                self.emit(Progress("another Vagrant is at work on this machine"))
                time.sleep(1.0)
