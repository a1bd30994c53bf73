"""A sandbox's life, through Vagrant: up, status, halt, destroy. The sole importer of python-vagrant."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.events import Done, Emit, Progress, Started, Unchanged
from hostonly.host.command import run
from hostonly.sandbox import prepare
from hostonly.sandbox.keys import Keys
from hostonly.settings import Settings
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.vantages.sandbox import Sandbox, SshTarget

if TYPE_CHECKING:
    import vagrant

READY_SECONDS = 60.0
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
        self.address = prepare.machines(settings)[name]
        self.container = prepare.container_name(settings, name)

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

    def _state(self) -> str:
        if not (self.settings.root / ".vagrant" / "machines" / self.name / "lxc" / "id").exists():
            return "not_created"
        if not Path("/var/lib/lxc", self.container).exists():
            return "not_created"
        said = run(
            ["lxc-info", "--state", "--no-humanize", "--name", self.container],
            root=True,
            timeout=20,
        )
        return said.strip().lower()

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
            prepare.prepare(self.settings, self.name, self.emit)
            self.emit(Started(f"vagrant up {self.name}"))
            self._vagrant(
                lambda v: v.up(vm_name=self.name, provider=self.settings.sandbox.provider), "up"
            )
            self.emit(Started(f"waiting for Docker and the registry in {self.name}"))
            if not self._ready(READY_SECONDS):
                raise HostonlyError(
                    f"{self.name} is running, but Docker and the registry did not both answer"
                    f" within {READY_SECONDS:g} s",
                    remedy="./inv sandbox.exec -- systemctl --failed   and   "
                    "./inv sandbox.exec -- sudo journalctl -b -p warning",
                )
        self.emit(Done(f"{self.name} is up at {self.address}", time.monotonic() - start))

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
            self._vagrant(lambda v: v.halt(vm_name=self.name), "halt")
        self.emit(Done(f"{self.name} is halted", time.monotonic() - start))

    def destroy(self) -> None:
        """Remove it with all it holds, and what the host had for it if it was the last."""
        with self._locked("destroy"):
            if self._state() == "not_created":
                self.emit(Unchanged(f"{self.name} is not created"))
            else:
                start = time.monotonic()
                self.emit(Started(f"vagrant destroy {self.name}"))
                self._vagrant(lambda v: v.destroy(vm_name=self.name), "destroy")
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

    def _vagrant(self, act: Callable[[vagrant.Vagrant], Any], verb: str) -> None:
        """Let ``act`` call Vagrant; its output becomes progress and, on failure, the error's lines."""
        import vagrant

        with tempfile.TemporaryFile("w+", errors="replace") as output:

            @contextlib.contextmanager
            def stream() -> Iterator[IO[str]]:
                yield output

            api = vagrant.Vagrant(
                root=str(self.settings.root), out_cm=stream, err_cm=stream, env=self._environment()
            )
            try:
                act(api)
            except subprocess.CalledProcessError as error:
                output.seek(0)
                raise ToolFailed(
                    f"vagrant {verb} of {self.name} failed with exit status {error.returncode}",
                    ran=f"vagrant {verb} {self.name}",
                    output=output.read(),
                    remedy="./inv sandbox.status, then ./inv sandbox.destroy and ./inv sandbox.up",
                ) from error
            output.seek(0)
            for line in output:
                self.emit(Progress(line.rstrip()))

    def _environment(self) -> dict[str, str]:
        # A user's VAGRANT_CWD, VAGRANT_DOTFILE_PATH and so on would lead to another machine.
        ours = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith("VAGRANT_") or k == "VAGRANT_HOME"
        }
        return {
            **ours,
            "HOSTONLY_PREPARED": "1",
            "HOSTONLY_SETTINGS": self.settings.to_json(),
            "VAGRANT_CHECKPOINT_DISABLE": "1",
            "LC_ALL": "C.UTF-8",
        }
