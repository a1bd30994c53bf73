"""Units of systemd that Debian's packages bring and start, and that nothing of ours uses.

Only the standard library is imported, as in ``packages.py``.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

# Debian's packages start these when they are installed and at each boot (their postinst, by
# deb-systemd-helper and deb-systemd-invoke). lxc-net makes a router of the whole machine
# (net.ipv4.ip_forward=1), with a bridge, a name server and firewall tables of its own: our
# sandboxes are on our bridges. lxc-monitord is started by the tools that need it.
UNUSED_UNITS = {"lxc": ("lxc-net.service", "lxc-monitord.service")}
UNITS = Path("/etc/systemd/system")


def mask(units: Sequence[str]) -> list[str]:
    """Return the command that keeps ``units`` from being started."""
    return ["systemctl", "mask", *units]


def to_mask(names: Sequence[str]) -> list[str]:
    """Return the units of the packages ``names``, about to be installed, that must not be started.

    Empty where there is no systemctl. A unit with a file of the user's is left alone.
    """
    if shutil.which("systemctl") is None:
        return []
    units = [unit for name in names for unit in UNUSED_UNITS.get(name, ())]
    return [unit for unit in units if not os.path.lexists(UNITS / unit)]


def note(root: Path) -> Path:
    """Return the file that notes the units that were masked for the checkout at ``root``."""
    return root / ".hostonly" / "masked-units"


def masked_for(root: Path) -> list[str]:
    """Return the units that were masked for the checkout at ``root`` and that still are."""
    try:
        noted = note(root).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
    ours = [unit for units in UNUSED_UNITS.values() for unit in units if unit in noted]
    return [unit for unit in ours if os.path.realpath(UNITS / unit) == "/dev/null"]


def unmask_line(units: Sequence[str]) -> str:
    """Return the command a person types to let ``units`` be started again; we never do."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}systemctl unmask {shlex.join(units)}"
