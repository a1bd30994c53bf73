"""What a checkout's sandboxes are called, and who has claimed which name on this machine.

Container names are the machine's, not a checkout's: each has a folder of root's that says whose.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hostonly.errors import Taken
from hostonly.host.command import run
from hostonly.sandbox.base import STORE

if TYPE_CHECKING:
    from hostonly.site import Site

SANDBOXES = STORE / "sandboxes"
CONTAINERS = Path("/var/lib/lxc")
# As lxc-template writes it: an overlay of the base's root file system and the sandbox's own layer.
_BASE = re.compile(r"^lxc\.rootfs\.path = overlay:([^:\n]+)/rootfs:", re.MULTILINE)

# Before the folder of a bench's stock project (bench/stock.py), in the alias of its bridge: no sandbox's.
BENCH_MARK = "hostonly-bench"

# Marks and journals of what was changed on the host for all checkouts.
SWITCHES = STORE / "switches.json"
MODULES = STORE / "modules.json"
SUBIDS = STORE / "subids"

_WHILE_RUNNING = re.compile(r"[a-z]+-(\d+)-\w+")


def container_name(site: Site, machine: str) -> str:
    """The LXC container's name: the same words as in the Vagrantfile."""
    return f"{site.name}-{machine}"


def machines(site: Site) -> dict[str, str]:
    """Name and host-only address of each machine of the Vagrantfile."""
    return {
        "sandbox": site.sandbox.address,
        "sandbox2": site.machine("sandbox2").address,
    }


def temporary(site: Site) -> str:
    """What the names of this checkout's temporary folders begin with, wherever they lie."""
    return f"hostonly-{hashlib.sha256(str(site.root).encode()).hexdigest()[:8]}-"


def while_running(what: str) -> str:
    """What the name of a folder in a checkout's state begins with that is needed only while this process
    runs (``up-4711-``); the rest is tempfile's."""
    return f"{what}-{os.getpid()}-"


def is_orphan(folder: Path) -> bool:
    """Whether ``folder`` has such a name and its process is gone."""
    made = _WHILE_RUNNING.fullmatch(folder.name)
    return made is not None and not Path("/proc", made[1]).exists()


def owner(container: str) -> str | None:
    """The checkout that has claimed the name ``container``; None where nobody has."""
    try:
        # One that is empty was not written to its end.
        return (SANDBOXES / container / "owner").read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def base_of(site: Site, machine: str) -> Path | None:
    """The folder of the base that ``machine`` lies on, which may be an older recipe's, by LXC's own word;
    None where there is no container, or one that was not made so far.

    Raises:
        ToolFailed: the container's configuration could not be read.
    """
    config = CONTAINERS / container_name(site, machine) / "config"
    if not config.exists():
        return None
    # Only root may read it.
    found = _BASE.findall(run(["cat", str(config)], root=True, timeout=10))
    return Path(found[-1]) if found else None


def claim_name(site: Site, machine: str) -> None:
    """Stop where the container's name is somebody else's.

    Raises:
        Taken: another checkout has it, or a container that hostonly did not make.
    """
    name = container_name(site, machine)
    whose = owner(name)
    if whose not in (None, str(site.root)):
        raise Taken(
            f"a sandbox named {name} belongs to another checkout: {whose}",
            remedy="Destroy it there, or give sandbox.name (and the network section) other values here.",
        )
    if whose is None and (CONTAINERS / name).exists():
        raise Taken(
            f"an LXC container named {name} is already here, and hostonly did not make it",
            remedy="Give sandbox.name another value in invoke.yaml; the container was left alone.",
        )
