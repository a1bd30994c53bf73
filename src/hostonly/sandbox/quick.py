"""What the settings came to, noted for the next call; and ``./inv sandbox.exec``, by that note no
slower than ssh itself.

Understanding a command line and checking the settings takes Invoke and pydantic longer than ssh
takes to log in. What they came to is noted once, with a digest of everything it came from; while
none of that has changed the next call takes the note's word for the settings, and for nothing else:
the sandbox, the route and the connection are asked for each time. In any doubt the whole way is
taken, which also says what is wrong.

Nothing here is imported but the standard library, the route guard and the shared connection.
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
from typing import Any

from hostonly.errors import HostonlyError
from hostonly.vantages.route_guard import require_host_only_route
from hostonly.vantages.shared_ssh import SharedConnection

TASK = "sandbox.exec"
SECONDS = 5.0

# Names a further file of settings, which the note knows nothing of.
OTHER_FILE = "INVOKE_RUNTIME_CONFIG"

# Who decides what the settings mean and how ssh is called.
_CODE = ("settings/*.py", "sandbox/quick.py", "sandbox/login.py", "vantages/shared_ssh.py")
_SUFFIXES = ("yaml", "yml", "json", "py")


@dataclass(frozen=True, slots=True)
class Note:
    """What the settings came to. ``inputs`` is the digest of where they came from, ``site`` are
    in the shape of `invoke.yaml`; of the machine ``sandbox``: LXC's name for its ``container``, and
    the words of its ``ssh`` command line up to the ``destination``."""

    inputs: str
    site: dict[str, dict[str, Any]]
    container: str
    ssh: list[str]
    destination: str

    @property
    def address(self) -> str:
        """The sandbox's, on the host-only network."""
        return str(self.site["network"]["sandbox"])

    @property
    def bridge(self) -> str:
        """The host's interface on the host-only network."""
        return str(self.site["network"]["bridge"])

    def shared(self, root: Path) -> SharedConnection:
        """The connection that the commands of the checkout at ``root`` share."""
        folder = root / ".hostonly" / "ssh"
        return SharedConnection(folder, "sandbox", tuple(self.ssh), self.destination)


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


# What ``inputs`` came to when this process began, by the checkout.
_at_start: dict[Path, str] = {}


def inputs_at_start(root: Path) -> str | None:
    """``inputs`` as ``recall`` found them, before anybody read the settings: what has been edited since
    belongs into no note. None where it was not called."""
    return _at_start.get(root)


def _file(root: Path) -> Path:
    return root / ".hostonly" / "quick.json"


def remember(root: Path, note: Note) -> None:
    """Keep ``note`` for the next call, whole or not at all; not where there is no state or no room."""
    file = _file(root)
    written = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        written.write_text(json.dumps(asdict(note)), encoding="utf-8")
        written.replace(file)


def recall(root: Path) -> Note | None:
    """The note of the checkout at ``root``; None where there is none that still holds."""
    if os.environ.get(OTHER_FILE):
        return None
    try:
        now = _at_start[root] = inputs(root)
        note = Note(**json.loads(_file(root).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return note if note.inputs == now else None


def settings_of(note: Note) -> str:
    """The noted settings in the words of `Settings.to_json`."""
    return json.dumps(note.site, sort_keys=True)


def init_of(container: str) -> str:
    """The process id, here, of the init that runs in ``container``; empty where none does, or where
    sudo would have to ask for a password first."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    asked = [*root, "lxc-info", "--name", container, "--pid", "--no-humanize"]
    try:
        answer = subprocess.run(
            asked,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = answer.stdout.strip()
    return said if said.isdecimal() else ""


def attempt(root: Path, argv: Sequence[str]) -> None:
    """Become ssh, where ``argv`` is a command for the sandbox and the settings are noted; else return."""
    command = command_of(argv)
    note = recall(root) if command else None
    if note is None:
        return
    init, shared = init_of(note.container), note.shared(root)
    try:
        if not init:
            return
        require_host_only_route(note.address, note.bridge)
        if not shared.ready(init):
            return
    except (OSError, HostonlyError):
        return
    words = shared.argv(init)
    os.execvp(words[0], [*words, shlex.join(command)])
