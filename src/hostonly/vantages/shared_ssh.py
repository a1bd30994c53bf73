"""One ssh connection to a sandbox that commands of this checkout share, one after another.

A login costs a sandbox and this machine a fifth of a second, most of it cryptography and PAM; over
an open connection a command starts at once. The first command opens it, in the background; it ends
by itself when nobody has used it for ``IDLE_SECONDS``, when the sandbox does not answer any more,
and when the sandbox is halted or destroyed (``close``).

The socket's name holds the ``generation`` of the sandbox (the process id of its init, say). One
that was started again has another name, so that no command ever waits for an answer from a sandbox
that is gone.

The connection carries the sandbox's engine as well, to a socket beside its own (``engine``): to ask
the engine takes neither a login nor a command in the sandbox."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hostonly import process
from hostonly.errors import Unreachable
from hostonly.flock import Lock
from hostonly.site import DOCKER_SOCKET
from hostonly.waiting import limit, until

IDLE_SECONDS = 120
OPEN_SECONDS = 15.0
CLOSE_SECONDS = 5.0

# A socket's path has 107 characters at most. The connection is opened in the folder itself, by a
# short name; who uses it by a path that is longer goes there first.
LONGEST_PATH = 107

# ssh's own exit status for "no connection"; also a command's own, which nobody can tell apart.
NO_CONNECTION = 255


@dataclass(frozen=True, slots=True)
class SharedConnection:
    """The connection in ``folder`` (which only its user may enter) to the sandbox called ``name``.

    ``ssh`` is the command line that would open one of its own, up to and without the destination.
    """

    folder: Path
    name: str
    ssh: tuple[str, ...]
    destination: str

    def argv(self, generation: str) -> list[str]:
        """Return the ssh command line, destination included, that uses the connection.

        The connection is opened where there is none. Where that does not work the command line
        opens one of its own, and says itself what is wrong. The caller has made sure of the route.
        """
        path = self.path(generation)
        if not self.ready(generation):
            return self.alone()
        if len(os.fsencode(path)) <= LONGEST_PATH:
            return [*self.ssh, "-o", f"ControlPath={_quoted(str(path))}", self.destination]
        there = ["env", f"--chdir={self.folder}"]
        return [*there, *self.ssh, "-o", f"ControlPath={_quoted(path.name)}", self.destination]

    def alone(self, *command: str) -> list[str]:
        """Return the ssh command line of a separate connection, for a shell or one ``command``."""
        return [*self.ssh, self.destination, *command]

    def ready(self, generation: str, *, wait: bool = False) -> bool:
        """Return whether the connection is there, and open it first where it is not.

        With ``wait`` it waits where another caller is just opening it."""
        path = self.path(generation)
        return alive(path) or self._open(path, wait=wait)

    def close(self) -> None:
        """End the connection to the sandbox, of whatever generation."""
        for path in self.folder.glob(f"{self.name}.*.shared"):
            there = ["env", f"--chdir={self.folder}", *self.ssh]
            there += ["-o", f"ControlPath={_quoted(path.name)}", "-O", "exit", self.destination]
            with contextlib.suppress(OSError):
                process.run(there, seconds=CLOSE_SECONDS)
            path.unlink(missing_ok=True)
        for path in self.folder.glob(f"{self.name}.*.engine"):
            path.unlink(missing_ok=True)

    def path(self, generation: str) -> Path:
        """Return the socket of the connection to that ``generation`` of the sandbox."""
        return self.folder / f"{self.name}.{generation}.shared"

    def engine(self, generation: str) -> Path:
        """Return the socket that leads to the engine of that ``generation`` over the connection."""
        return self.folder / f"{self.name}.{generation}.engine"

    @contextlib.contextmanager
    def engine_socket(self, generation: str, temporary: str) -> Iterator[Path]:
        """Give a socket that leads to the engine of that ``generation`` while the context lasts.

        Every program can use its path. The name of a folder made for it begins with ``temporary``.

        Raises:
            Unreachable: the connection cannot be had.
        """
        if not self.ready(generation, wait=True):
            raise Unreachable(
                "ssh could not forward the engine's socket",
                remedy="./inv sandbox.status says whether the sandbox is up",
            )
        # A user of the connection: without one it would end in the middle of a long pause. It lasts as long
        # as our end of its input, which the kernel closes where we are killed outright.
        with subprocess.Popen(
            [*self.argv(generation), "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as user:
            try:
                path = self.engine(generation)
                with tempfile.TemporaryDirectory(prefix=temporary) as folder:
                    if len(os.fsencode(path)) > LONGEST_PATH:
                        # The kernel follows a link whose own path is short enough.
                        link = Path(folder) / "docker.sock"
                        link.symlink_to(path)
                        path = link
                    yield path
            finally:
                user.terminate()

    def _open(self, path: Path, *, wait: bool) -> bool:
        """Open the connection in the background; return whether it is there.

        One caller opens it; others ``wait`` for that, or do without."""
        engine = self.engine(path.name.split(".")[-2])
        with Lock(self.folder / f"{self.name}.opening") as lock:
            if not until(lock.take, bool, OPEN_SECONDS if wait else 0.0):
                return False
            if alive(path):
                # Another caller has opened it since.
                return True
            self.close()
            options = [
                "-M",
                "-N",
                "-f",
                *("-o", f"ControlPath={_quoted(path.name)}"),
                *("-o", f"ControlPersist={IDLE_SECONDS}"),
                *("-L", f"./{engine.name}:{DOCKER_SOCKET}"),
                *("-o", f"ServerAliveInterval={limit(2):.0f}"),
                *("-o", "ServerAliveCountMax=2"),
                *("-o", f"ConnectTimeout={limit(5):.0f}"),
                *("-o", "BatchMode=yes"),
            ]
            try:
                # Not by `process`: what stays in the background would keep the pipes.
                subprocess.run(
                    [*self.ssh, *options, self.destination],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=limit(OPEN_SECONDS),
                    # The lock is ours and not the background's.
                    close_fds=True,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                return False
            return alive(path)


def alive(path: Path) -> bool:
    """Return whether somebody answers at the socket; one that a killed ssh left behind refuses."""
    try:
        connected(path).close()
    except OSError:
        return False
    return True


def connected(path: Path) -> socket.socket:
    """Connect to the socket at ``path``, however long that is.

    Raises:
        OSError: nobody answers there.
    """
    caller = socket.socket(socket.AF_UNIX)
    try:
        if len(os.fsencode(path)) <= LONGEST_PATH:
            caller.connect(str(path))
        else:
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                caller.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
    except BaseException:
        caller.close()
        raise
    return caller


def _quoted(path: str) -> str:
    """Return ``path`` for ssh's -o: quoted for its spaces, and its % signs doubled."""
    return '"' + path.replace("%", "%%") + '"'
