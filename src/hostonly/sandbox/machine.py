"""One machine of the ``Vagrantfile``: where it is, what state it is in, whether it answers."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
from threading import Event

from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.events import Emit
from hostonly.facts import Fact
from hostonly.providers import provider_of
from hostonly.sandbox import login, status
from hostonly.site import DOCKER_SOCKET, SANDBOX, SSH_PORT, Site
from hostonly.vantages.host import Host
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.vantages.sandbox import CONNECT_SECONDS, Sandbox, SshTarget
from hostonly.vantages.shared_ssh import NO_CONNECTION
from hostonly.waiting import limit, until

POLL_SECONDS = 0.05
# Pause between two looks at a machine that is only just starting, beside Vagrant.
START_SECONDS = 0.1

# Asked inside the sandbox in one round trip: both answer, or the status is not 0.
_ANSWERS = (
    "curl -sf -m {seconds:.0f} --unix-socket {socket} -o /dev/null http://docker/_ping"
    " && curl -sf -m {seconds:.0f} -o /dev/null http://127.0.0.1:{port}/v2/"
)
# Longer than either answer takes, and short enough that the end of a boot is seen.
ANSWER_SECONDS = 10.0


class Machine:
    """The machine called ``name`` of ``site``, there or not.

    ``spec`` is the site's description of it, ``provider`` the provider's object for it, ``shared``
    the connection to it that this checkout's commands share.
    """

    def __init__(self, site: Site, emit: Emit, name: str = SANDBOX) -> None:
        self.site = site
        self.emit = emit
        self.name = name
        self.spec = site.machine(name)
        self.address = self.spec.address
        self.provider = provider_of(site, self.spec)
        self.shared = login.shared(site, self.spec)

    # --- where it is

    def vantage(self, *, retry_seconds: float = 0.0) -> Sandbox:
        """Return the sandbox as a vantage; the connection is opened at first use."""
        site = self.site
        return Sandbox(
            SshTarget(self.address, SSH_PORT, login.USER, site.login_key, site.known_hosts),
            bridge=site.bridge.name,
            name=self.name,
            retry_seconds=retry_seconds,
        )

    def require_route(self) -> None:
        """Stop where the route to the machine does not leave by the host-only bridge.

        Raises:
            Unreachable: it does not.
        """
        require_host_only_route(self.address, self.site.bridge.name)

    # --- what state it is in

    def status(self) -> status.Status:
        """Return the machine's status, asked of its provider in a hundredth of Vagrant's time.

        Raises:
            ToolFailed: the provider's tool failed.
        """
        return status.status(self.site, self.spec)

    def state(self) -> str:
        """Return the machine's state, as ``status`` has it."""
        return status.state_of(self.site, self.spec)

    def observed_state(self) -> Fact[str]:
        """Return the state in Vagrant's words as a fact for claims, with the evidence."""
        return self.provider.observed_state()

    def require_running(self) -> None:
        """Stop with a next step where the machine is not running.

        Raises:
            HostonlyError: it is not created or not running.
        """
        state = self.state()
        if state != "running":
            raise HostonlyError(
                f"the sandbox {self.name} is not running: {state.replace('_', ' ')}",
                remedy="./inv sandbox.up",
            )

    # --- whether it answers

    def answers(self, vantage: Sandbox) -> bool:
        """Return whether Docker and the registry answer inside."""
        return vantage.run(["sh", "-c", self._question()], timeout=3 * ANSWER_SECONDS).ok

    def _question(self) -> str:
        seconds = limit(ANSWER_SECONDS)
        return _ANSWERS.format(port=self.site.registry_port, seconds=seconds, socket=DOCKER_SOCKET)

    def ready(self, seconds: float) -> bool:
        """Return whether Docker and the registry answer within ``seconds``; 0 looks once.

        Raises:
            Unreachable: nobody can log in to it in that time; not where ``seconds`` is 0.
        """
        over = (0, NO_CONNECTION)
        status = until(self._asked, over.__contains__, seconds, pause=POLL_SECONDS)
        if status != NO_CONNECTION:
            return status == 0
        # Fabric waits for an sshd that is only just starting, and says why it cannot be reached.
        with self.vantage(retry_seconds=seconds) as vantage:
            try:
                return until(lambda: self.answers(vantage), bool, seconds, pause=POLL_SECONDS)
            except Unreachable:
                if seconds == 0.0:
                    return False
                raise

    def _asked(self) -> int:
        """Return the exit status of asking inside whether Docker and the registry answer."""
        try:
            self.require_route()
            # The shared connection, made before, does not tell whether a new one is possible.
            socket.create_connection((self.address, SSH_PORT), limit(CONNECT_SECONDS)).close()
            argv = self.shared.argv(self.provider.boot())
        except (Unreachable, ToolFailed, OSError):
            return NO_CONNECTION
        return Host().run([*argv, self._question()], timeout=3 * ANSWER_SECONDS).exit

    def connect(self, over: Event) -> None:
        """Open the shared connection while Vagrant waits, until it is ``over``.

        Vagrant looks once a second. These looks are cheap, since others may be starting.
        """
        boot = ""
        while not over.wait(START_SECONDS):
            if not boot:
                # Not before Vagrant has noted it: lxc-create's lock on the file "partial" ends a
                # little before the file, and whoever looks in between destroys the container.
                if self.provider.known_to_vagrant:
                    with contextlib.suppress(ToolFailed):
                        boot = self.provider.boot()
                continue
            with contextlib.suppress(OSError, Unreachable):
                self.require_route()
                while not self._greets():
                    if over.wait(START_SECONDS):
                        return
                if self.shared.ready(boot):
                    return

    def _greets(self) -> bool:
        """Return whether an sshd says its first line there."""
        try:
            with socket.create_connection((self.address, SSH_PORT), timeout=limit(1)) as caller:
                return caller.recv(4) == b"SSH-"
        except OSError:
            return False

    def interact(self, command: list[str] | None) -> int:
        """Give the terminal to ssh: a shell, or ``command``'s own streams; return its status.

        Raises:
            Unreachable: the route to it does not leave by the host-only bridge.
        """
        self.require_route()
        # ssh joins its words with spaces and hands them to a shell there: quoted, they survive.
        line = [shlex.join(command)] if command else []
        argv = self.shared.argv(self.provider.boot())
        return subprocess.run([*argv, *line], check=False).returncode
