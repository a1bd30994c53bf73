"""Keys of this checkout's own: one to log in with, and the host key of each sandbox.

The host key is made here and put into the sandbox before its first start, so that there is never a
moment of blind trust, and ``~/.ssh`` is neither read nor written.
"""

from __future__ import annotations

import base64
from pathlib import Path

from hostonly.host import atomic
from hostonly.host.command import run
from hostonly.site import Site


def _make(path: Path, comment: str) -> None:
    other = public(path)
    if _is_pair(path, other):
        # A copied checkout may have lost the mode, and ssh takes no key that others can read.
        path.chmod(0o600)
        return
    # ssh-keygen asks before it overwrites: half of a pair that was cut off, or an empty file.
    path.unlink(missing_ok=True)
    other.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], timeout=30)
    atomic.settle(path, other, path.parent)


def _is_pair(private: Path, other: Path) -> bool:
    """Return whether both exist and belong together: OpenSSH's private file has the public key."""
    try:
        key = base64.b64decode(other.read_text(encoding="utf-8").split()[1])
        lines = private.read_text(encoding="utf-8").splitlines()
        held = base64.b64decode("".join(line for line in lines if not line.startswith("-----")))
        return len(key).to_bytes(4, "big") + key in held
    except (FileNotFoundError, ValueError, IndexError):
        return False


def ensure(site: Site) -> None:
    """Make the missing keys of ``site``, and write the host keys that its machines must show.

    Raises:
        ToolFailed: ssh-keygen failed.
    """
    folder = site.login_key.parent
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _make(site.login_key, "hostonly")
    lines = []
    for machine in site.machines:
        _make(machine.host_key, machine.name)
        kind, blob = public(machine.host_key).read_text(encoding="utf-8").split()[:2]
        lines.append(f"{machine.address} {kind} {blob}\n")
    text = "".join(lines)
    known = site.known_hosts
    if not known.exists() or known.read_text(encoding="utf-8") != text:
        atomic.write(known, text.encode())


def public(private: Path) -> Path:
    """Return the file of the public half of the key in the file ``private``."""
    return private.with_name(private.name + ".pub")
