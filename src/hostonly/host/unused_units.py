"""Units of systemd that Debian's packages bring and start, and nothing of ours uses.

Only the standard library is imported here, as in `packages.py`.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

# What Debian's packages start when they are installed and at each boot (their postinst, by
# deb-systemd-helper and deb-systemd-invoke), and nothing of ours uses. lxc-net makes a router of the whole
# machine (net.ipv4.ip_forward=1), with a bridge, a name server and firewall tables of its own: our sandboxes
# are on our bridges. lxc-monitord is started by who needs one.
UNUSED_UNITS = {"lxc": ("lxc-net.service", "lxc-monitord.service")}
UNITS = Path("/etc/systemd/system")


def mask(units: Sequence[str]) -> list[str]:
    """The command that keeps `units` from being started."""
    return ["systemctl", "mask", *units]


def to_mask(names: Sequence[str]) -> list[str]:
    """The units of `names`, which are about to be installed, that must not be started.

    None where there is no systemd. What the user has said of a unit, by a file of its name, stays.
    """
    if shutil.which("systemctl") is None:
        return []
    units = [unit for name in names for unit in UNUSED_UNITS.get(name, ())]
    return [unit for unit in units if not os.path.lexists(UNITS / unit)]


def note(root: Path) -> Path:
    """The file in which the units are noted that were masked for the checkout at `root`."""
    return root / ".hostonly" / "masked-units"


def masked_for(root: Path) -> list[str]:
    """The units that `packages.install` masked for the checkout at `root` and that are masked still."""
    try:
        noted = note(root).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
    ours = [unit for units in UNUSED_UNITS.values() for unit in units if unit in noted]
    return [unit for unit in ours if os.path.realpath(UNITS / unit) == "/dev/null"]


def unmask_line(units: Sequence[str]) -> str:
    """The command a person types to let `units` be started again; we never do."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}systemctl unmask {shlex.join(units)}"
