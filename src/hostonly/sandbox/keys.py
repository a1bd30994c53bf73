"""Keys of this checkout's own: one to log in with, and the host key of each sandbox.

The host key is made here and put into the sandbox before its first start, so that there is never
a moment of blind trust, and ``~/.ssh`` is neither read nor written.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from hostonly.host import whole
from hostonly.host.command import run


@dataclass(frozen=True, slots=True)
class Keys:
    """The key files of a checkout; public halves end in ``.pub``."""

    folder: Path

    @property
    def login(self) -> Path:
        """The private key that sandboxes let in."""
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """One line for each sandbox, with the key that it must show."""
        return self.folder / "known_hosts"

    def host_key(self, machine: str) -> Path:
        """The private host key of ``machine``."""
        return self.folder / f"{machine}.host_ed25519"


def _make(path: Path, comment: str) -> None:
    public = path.with_name(path.name + ".pub")
    if _is_pair(path, public):
        # A copied checkout may have lost the mode, and ssh takes no key that others can read.
        path.chmod(0o600)
        return
    # ssh-keygen asks before it overwrites a half of a pair that was cut off, or what a power cut emptied.
    path.unlink(missing_ok=True)
    public.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], timeout=30)
    whole.settle(path, public, path.parent)


def _is_pair(private: Path, public: Path) -> bool:
    """Whether both are there and belong together: OpenSSH's private file has the public key in it."""
    try:
        key = base64.b64decode(public.read_text(encoding="utf-8").split()[1])
        lines = private.read_text(encoding="utf-8").splitlines()
        held = base64.b64decode("".join(line for line in lines if not line.startswith("-----")))
        return len(key).to_bytes(4, "big") + key in held
    except (FileNotFoundError, ValueError, IndexError):
        return False


def ensure(folder: Path, machines: dict[str, str]) -> Keys:
    """Make the keys that are missing and write ``known_hosts`` for ``machines`` (name to address)."""
    keys = Keys(folder)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _make(keys.login, "hostonly")
    lines = []
    for machine, address in machines.items():
        _make(keys.host_key(machine), machine)
        kind, blob = (
            keys.host_key(machine)
            .with_suffix(".host_ed25519.pub")
            .read_text(encoding="utf-8")
            .split()[:2]
        )
        lines.append(f"{address} {kind} {blob}\n")
    text = "".join(lines)
    if not keys.known_hosts.exists() or keys.known_hosts.read_text(encoding="utf-8") != text:
        whole.write(keys.known_hosts, text.encode())
    return keys
