"""The short way of ``./inv sandbox.exec -- COMMAND …``: no slower than ssh itself.

Understanding a command line and checking the settings takes Invoke and pydantic longer than ssh
takes to log in. What they came to is noted once, with a digest of everything it came from; while
none of that has changed, and the sandbox is the very one, the next call takes the note's word. In
any doubt the whole way is taken, which also says what is wrong.

Nothing here is imported but the standard library and the route guard.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hostonly.errors import HostonlyError
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.vantages.shared_ssh import alive

TASK = "sandbox.exec"
SECONDS = 5.0

# Who decides what the settings mean and how ssh is called.
_CODE = ("settings/*.py", "sandbox/quick.py", "sandbox/login.py", "vantages/shared_ssh.py")
_SUFFIXES = ("yaml", "yml", "json", "py")


@dataclass(frozen=True, slots=True)
class Note:
    """What a call of ``sandbox.exec`` came to. ``inputs`` is a digest, ``init`` the process id of
    the sandbox's init, ``socket`` the shared connection's, ``ssh`` the words before the command."""

    inputs: str
    container: str
    init: str
    address: str
    bridge: str
    socket: str
    ssh: list[str]


def command_of(argv: Sequence[str]) -> list[str]:
    """The command in a command line of exactly this shape: ``inv sandbox.exec -- COMMAND …``; else []."""
    return list(argv[3:]) if list(argv[1:3]) == [TASK, "--"] else []


def inputs(root: Path) -> str:
    """A digest of all that the settings of the checkout at ``root`` come from: files, variables, code."""
    digest = hashlib.sha256()
    # Invoke's layers: the machine's file, the user's, the project's, INVOKE_… variables.
    layers = [Path("/etc/invoke"), Path.home() / ".invoke", root / "invoke"]
    for layer in layers:
        for suffix in _SUFFIXES:
            file = layer.with_name(f"{layer.name}.{suffix}")
            with contextlib.suppress(OSError):
                digest.update(f"{file}\0".encode() + file.read_bytes())
    for name, value in sorted(os.environ.items()):
        if name.startswith("INVOKE_"):
            digest.update(f"\0{name}={value}".encode(errors="surrogateescape"))
    package = Path(__file__).parents[1]
    for file in sorted(file for pattern in _CODE for file in package.glob(pattern)):
        stat = file.stat()
        digest.update(f"\0{file} {stat.st_mtime_ns} {stat.st_size}".encode())
    return digest.hexdigest()


def _file(root: Path) -> Path:
    return root / ".hostonly" / "ssh" / "quick.json"


def remember(root: Path, note: Note) -> None:
    """Keep ``note`` for the next call, whole or not at all."""
    file = _file(root)
    written = file.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps(asdict(note)))
    written.replace(file)


def attempt(root: Path, argv: Sequence[str]) -> None:
    """Become ssh, where ``argv`` is a command for the sandbox that was noted; else return."""
    command = command_of(argv)
    # Asking LXC as another user takes sudo, and that may ask back.
    if not command or os.geteuid() != 0:
        return
    try:
        note = Note(**json.loads(_file(root).read_text()))
        if note.inputs != inputs(root) or not alive(Path(note.socket)):
            return
        asked = ["lxc-info", "--name", note.container, "--pid", "--no-humanize"]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=SECONDS, check=False)
        if answer.stdout.strip() != note.init:
            return
        require_host_only_route(note.address, note.bridge)
    except (OSError, ValueError, TypeError, HostonlyError, subprocess.TimeoutExpired):
        return
    os.execvp(note.ssh[0], [*note.ssh, shlex.join(command)])
