"""A sandbox: commands run over SSH, by the only importer of Fabric."""

from __future__ import annotations

import contextlib
import io
import shlex
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostonly.errors import Unreachable
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.vantages.vantage import TIMED_OUT, Result, shown, typed
from hostonly.waiting import limit, retry

if TYPE_CHECKING:
    import fabric

CONNECT_SECONDS = 5
RETRY_SECONDS = 0.1
# sshd allows 10 sessions on a connection, and frees each a moment after it has ended: on a busy machine
# so late that it refuses another one.
SESSIONS = 5
SESSION_SECONDS = 10.0
# Paramiko would wait for an hour until a session is open. A slow sandbox takes seconds.
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SshTarget:
    """How to reach one sandbox: ``known_hosts`` must already hold its key, ``key`` is ours."""

    address: str
    port: int
    user: str
    key: Path
    known_hosts: Path


class Sandbox:
    """A sandbox, over one SSH connection that is opened at first use and then kept.

    Neither an agent nor anything in ``~/.ssh`` is used. The sandbox's key must be the one in
    ``known_hosts``. Before the connection is opened the kernel is asked for the way: it must leave
    by ``bridge`` (None where the way is a forwarded port on this machine itself)."""

    def __init__(
        self,
        target: SshTarget,
        *,
        bridge: str | None,
        name: str = "sandbox",
        retry_seconds: float = 0.0,
    ) -> None:
        """Make the vantage; no connection is opened yet.

        For ``retry_seconds`` a connection that is refused or unanswered is tried again, for a
        sandbox that is just booting; 0 tries once."""
        self.target = target
        self._bridge = bridge
        self._name = name
        self._retry_seconds = retry_seconds
        self._connection: fabric.Connection | None = None
        self._opening = threading.Lock()
        self._sessions = threading.BoundedSemaphore(SESSIONS)

    @property
    def name(self) -> str:
        """The name in reports."""
        return self._name

    @property
    def prompt(self) -> str:
        """The sandbox's name: commands are shown as typed in its own shell."""
        return self._name

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        """Run ``argv`` in the sandbox; at the limit of ``timeout`` seconds kill its process group.

        Raises:
            hostonly.errors.Unreachable: there is no connection, or it broke while the command ran.
        """
        with self._sessions:
            return self._run(self._open(), argv, stdin, limit(timeout))

    def _run(
        self, connection: fabric.Connection, argv: Sequence[str], stdin: str | None, timeout: float
    ) -> Result:
        from invoke.exceptions import CommandTimedOut
        from paramiko import ChannelException

        start = time.monotonic()
        # The shell says its process id, so that we can end it, and then becomes the command.
        line = f"echo $$; exec {typed(argv)}"
        reader = io.StringIO()

        def begin() -> Any:
            nonlocal start
            # The command's own time, without that of waiting for a session.
            start = time.monotonic()
            return connection.run(
                line,
                hide=True,
                warn=True,
                encoding="utf-8",
                timeout=timeout,
                out_stream=reader,
                in_stream=io.StringIO(stdin or ""),
            )

        try:
            try:
                done: Any = retry(
                    begin,
                    # sshd refused the session: nothing was begun.
                    lambda error: isinstance(error, ChannelException),
                    SESSION_SECONDS,
                    pause=RETRY_SECONDS,
                )
                status: int = done.exited
            except CommandTimedOut as late:
                done, status = late.result, TIMED_OUT
                self._kill(connection, done.stdout)
        except KeyboardInterrupt:
            self._kill(connection, reader.getvalue())
            raise
        except Exception as error:
            self._drop(connection)
            raise Unreachable(
                f"the connection to {self._name} broke: {str(error) or type(error).__name__}",
                ran=shown(argv),
            ) from error
        if status == -1 and time.monotonic() - start >= timeout:
            # At the timeout Invoke's timer closes the channel, and whoever sees it closed before
            # the timer itself has ended is not told of a timeout.
            status = TIMED_OUT
            self._kill(connection, done.stdout)
        if status == -1:
            self._drop(connection)
            raise Unreachable(f"the connection to {self._name} broke", ran=shown(argv))
        return Result(
            self._name,
            self._name,
            shown(argv),
            status,
            done.stdout.partition("\n")[2],
            done.stderr,
            time.monotonic() - start,
        )

    def close(self) -> None:
        """Close the connection; the next command opens another."""
        with self._opening:
            if self._connection is not None:
                with contextlib.suppress(Exception):
                    self._connection.close()
                self._connection = None

    def _drop(self, broken: fabric.Connection) -> None:
        """Close ``broken``; not the one that another thread may have opened in its place."""
        with self._opening:
            if self._connection is broken:
                self._connection = None
        with contextlib.suppress(Exception):
            broken.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kill(self, connection: fabric.Connection, output: str) -> None:
        """End the process group whose leader's id is the first line of ``output``."""
        pid = output.partition("\n")[0].strip()
        if pid.isdecimal():
            with contextlib.suppress(Exception):
                connection.run(
                    f"sudo -n kill -KILL -- -{shlex.quote(pid)}",
                    hide=True,
                    warn=True,
                    in_stream=False,
                    timeout=5,
                )

    def _open(self) -> fabric.Connection:
        """Return the connection; where there is none one thread opens it, and others wait."""
        with self._opening:
            if self._connection is not None and self._connection.is_connected:
                return self._connection
            try:
                self._connection = retry(
                    self._connect,
                    # Refused, unanswered, or closed before the banner: a booting sandbox does so.
                    lambda error: isinstance(error, OSError | EOFError),
                    self._retry_seconds,
                    pause=RETRY_SECONDS,
                )
            except (OSError, EOFError) as error:
                raise self._unreachable(error) from error
            return self._connection

    def _connect(self) -> fabric.Connection:
        """Open one connection.

        Raises:
            OSError, EOFError: nobody answers.
            hostonly.errors.Unreachable: the way is not by the bridge, or somebody answers, but not
                with the known key, or does not take ours.
        """
        import fabric
        import paramiko

        if self._bridge is not None:
            require_host_only_route(self.target.address, self._bridge)
        target = self.target
        try:
            connection = fabric.Connection(
                target.address,
                user=target.user,
                port=target.port,
                # Lazy: no /etc/fabric.yaml, no ~/.fabric.yaml, no ~/.ssh/config.
                config=fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig()),
                connect_timeout=limit(CONNECT_SECONDS),
                connect_kwargs={
                    "key_filename": str(target.key),
                    "allow_agent": False,
                    "look_for_keys": False,
                    "banner_timeout": limit(CONNECT_SECONDS),
                    "channel_timeout": limit(ANSWER_SECONDS),
                },
            )
            connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
            connection.client.load_host_keys(str(target.known_hosts))
            connection.open()
            # Where one thread has dropped it, Fabric would open it anew for each other thread at once, and
            # one would wait for the transport of another.
            object.__setattr__(connection, "open", partial(_require_open, connection))
        except paramiko.BadHostKeyException as error:
            raise self._unreachable(
                error, "another key than the sandbox's answers: is that address somebody else's?"
            ) from error
        except paramiko.SSHException as error:
            if "banner" in str(error).lower() or isinstance(error.__cause__, EOFError):
                raise EOFError(str(error)) from error
            raise self._unreachable(error) from error
        except FileNotFoundError as error:
            raise self._unreachable(error, "./inv sandbox.up makes the key") from error
        return connection

    def _unreachable(self, error: BaseException, remedy: str | None = None) -> Unreachable:
        target = self.target
        return Unreachable(
            f"{self._name} cannot be reached by ssh at {target.address}:{target.port}:"
            f" {str(error) or type(error).__name__}",
            remedy=remedy or "./inv sandbox.status says whether it is up",
        )


def _require_open(connection: fabric.Connection) -> None:
    """Stop where ``connection`` was closed.

    Raises:
        EOFError: it was.
    """
    if not connection.is_connected:
        raise EOFError("it was closed meanwhile")
