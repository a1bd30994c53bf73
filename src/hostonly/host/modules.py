"""Modules of this machine's kernel that sandboxes need, loaded while there are sandboxes.

A sandbox's kernel is this machine's, and nobody in a sandbox may load a module of it. A module that
is built in, that the user keeps out (modprobe.d(5)) or that this kernel lacks is left alone: the
demos and checks that need it look for it themselves, and are skipped. The modules of iptables-nft's
rules, IPsec and other kinds of links are not in the list, since the kernel loads those itself for
any user.

br_netfilter shows iptables the frames that only cross a bridge, of every bridge. The sandboxes need
that; the bridges of this machine must go on as they did, so here it is switched off as soon as it
is loaded. Its switches belong to a network namespace since Linux 5.3; before that it is no use to
sandboxes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hostonly.errors import ToolFailed
from hostonly.events import Done, Emit
from hostonly.host import journal as journals
from hostonly.host import switches
from hostonly.host.command import find, run
from hostonly.waiting import until

# The kernel does not count links as uses of their module: unloading it removes everybody's links.
# So these stay loaded, as those do that the kernel loads for a user's link.
LINKS = ("macvlan", "ipvlan", "vxlan")
BRIDGES = "br_netfilter"
# In an order for loading; unloading goes the opposite way, and the kernel counts uses.
MODULES = (
    *LINKS,
    "overlay",
    # A swarm's service addresses; Docker balances by rr, a user perhaps by another.
    *("ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh", "xt_ipvs"),
    # iptables-legacy's: the kernel loads its tables by itself, but not these.
    *("ip_tables", "ip6_tables"),
    # The last, so that it is switched off at once.
    BRIDGES,
)

SYS, PROC = Path("/sys/module"), Path("/proc")
SWITCHES = tuple(
    f"net/bridge/bridge-nf-call-{each}" for each in ("iptables", "ip6tables", "arptables")
)
# Missing and kept-out modules are passed over: --use-blacklist is for names as well.
_MODPROBE = "modprobe --all --use-blacklist"
_WOULD_LOAD = f'{_MODPROBE} --dry-run --verbose "$@" || true'
_LOAD = f'{_MODPROBE} "$@"; true'
_SWITCH_OFF = f"test ! -e {switches.PROC / SWITCHES[0]} || sysctl -qw {' '.join(f'{name}=0' for name in SWITCHES)}"
# A network namespace ends a moment after its last process, and what it used is in use until then.
ENDING_SECONDS, POLL_SECONDS = 1.0, 0.05


def loaded(name: str) -> bool:
    """Return whether the module ``name`` is loaded; False also for a built-in without settings."""
    return (SYS / name).exists()


def load(journal: Path, emit: Emit) -> None:
    """Load the modules of ``MODULES`` that are not loaded and that this machine lets us load.

    ``journal`` is the file that keeps which these were.

    Raises:
        ToolFailed: nothing can be run as root, or the journal not written.
    """
    wanted = _loadable([name for name in MODULES if not loaded(name)])
    if not wanted:
        return
    noted = _noted(journal)
    if not noted.issuperset(wanted):
        # Before anything is changed: a kill between the two loses nothing.
        journals.write({"boot": _boot(), "modules": sorted(noted.union(wanted))}, journal)
    # One command, which is not to be ended between the two.
    script = f"{_LOAD}; {_SWITCH_OFF}" if BRIDGES in wanted else _LOAD
    run(["sh", "-c", script, "sh", *wanted], root=True, timeout=60)
    if came := [name for name in wanted if loaded(name)]:
        emit(Done(f"loaded this machine's kernel modules that sandboxes need: {', '.join(came)}"))


def ours(journal: Path) -> list[str]:
    """Return, in order, the modules that ``load`` loaded in this boot and ``unload`` unloads."""
    noted = _noted(journal)
    return [
        name for name in reversed(MODULES) if name in noted and name not in LINKS and loaded(name)
    ]


def unload(journal: Path) -> list[str]:
    """Unload the modules that ``load`` has loaded and nobody uses; return their names.

    Raises:
        ToolFailed: the journal could not be removed.
    """
    unused = ours(journal)
    if BRIDGES in unused and _is_counted_on(journal):
        unused.remove(BRIDGES)
    left = unused
    for _ in range(2):
        if left:
            # Not `modprobe --remove`, which also unloads the modules that these stand on: `bridge`,
            # with all bridges. rmmod refuses one in use, and unloads the others.
            with contextlib.suppress(ToolFailed):
                run(["rmmod", *left], root=True, timeout=60)
            left = _soon_unused([name for name in left if loaded(name)])
    journals.remove(journal)
    return [name for name in unused if not loaded(name)]


def _loadable(names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that modprobe would load: they exist, not built in or kept out."""
    if not names or not (PROC / "modules").exists() or find("modprobe") is None:
        return []
    if switches.value("kernel/modules_disabled") == "1":
        return []
    said = run(["sh", "-c", _WOULD_LOAD, "sh", *names], timeout=20)
    # "insmod /lib/modules/6.1.0/kernel/net/netfilter/ipvs/ip_vs.ko.xz", with those that it stands on.
    words = (line.split() for line in said.splitlines())
    files = {Path(each[1]).name for each in words if len(each) > 1 and each[0] == "insmod"}
    found = {file.partition(".")[0].replace("-", "_") for file in files}
    return [name for name in names if name in found]


def _is_counted_on(journal: Path) -> bool:
    """Return whether somebody counts on br_netfilter on this machine.

    That is a user who has switched it on, or an engine that was started after we loaded it: it may
    need it later, and some (until Docker 27) load it only when they start.
    """
    if any(switches.value(name) not in (None, "0") for name in SWITCHES):
        return True
    since = journal.stat().st_mtime
    for comm in PROC.glob("[0-9]*/comm"):
        # It may end meanwhile.
        with contextlib.suppress(OSError):
            if comm.read_bytes().strip() == b"dockerd" and _started(comm.parent) > since:
                return True
    return False


def _started(process: Path) -> float:
    """Return when ``process``, a folder of /proc, was started: in seconds, as the time of files."""
    # proc(5): this is the 20th field behind the name, which may contain anything.
    ticks = int((process / "stat").read_bytes().rpartition(b")")[2].split()[19])
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def _soon_unused(names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that nobody uses, at once or within ``ENDING_SECONDS``."""

    def used() -> list[str]:
        return [name for name in names if _in_use(name)]

    last = until(used, lambda used: not used, ENDING_SECONDS, pause=POLL_SECONDS)
    return [name for name in names if name not in last]


def _in_use(name: str) -> bool:
    try:
        return int((SYS / name / "refcnt").read_text(encoding="utf-8")) > 0
    except FileNotFoundError:
        # Gone meanwhile, or the kernel cannot unload modules.
        return False


def _boot() -> str:
    """Return the kernel's id of this boot of the machine: no loaded module outlives the boot."""
    return switches.value("kernel/random/boot_id") or ""


def _noted(journal: Path) -> set[str]:
    """Return the modules that, by the ``journal`` of this boot, were not loaded before us."""

    def understand(found: dict[str, Any]) -> set[str]:
        return set(map(str, found["modules"])) if found["boot"] == _boot() else set()

    return journals.read(journal, understand) or set()
