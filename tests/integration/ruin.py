"""Taking away the tests' sandboxes by force, whatever a test that failed has left of them.

Only what carries the mark of the tests' own copy goes; and none of the ways of the program's is trusted to
work on such a ruin, until there is nothing left but what they find with nothing in their way.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.host import bridges, firewall
from hostonly.host.command import run
from hostonly.ownership import owners
from hostonly.providers.lxc.container import LXC
from hostonly.site import Site

SECONDS = 300.0


def clear(site: Site) -> str:
    """End what is still at work in the tests' copy, and remove its sandboxes with the host's side; what
    `sandbox.destroy` had to say of the rest, empty where it could do it."""
    _end_what_works_in(site.root)
    for machine in site.machines:
        if owners.owner(machine.folder) == str(site.root):
            _remove(machine.instance)
    shutil.rmtree(site.root / ".vagrant" / "machines", ignore_errors=True)
    firewall.remove(firewall.table(site))
    for bridge in site.bridges:
        bridges.remove(bridge)
    done = subprocess.run(
        [sys.executable, "-m", "hostonly", "sandbox.destroy"],
        cwd=site.root,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr


def _end_what_works_in(root: Path) -> None:
    for at in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):  # It has ended since, or is another user's.
            pid = int(at.parent.name)
            if at.readlink().is_relative_to(root) and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)


def _remove(container: str) -> None:
    folder = LXC / container
    for verb in (("stop", "--kill"), ("destroy", "--force")):
        with contextlib.suppress(ToolFailed):
            run([f"lxc-{verb[0]}", "--name", container, *verb[1:]], root=True, timeout=60)
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in reversed([each for each in mounts if Path(each).is_relative_to(folder)]):
        run(["umount", "--lazy", mount], root=True, timeout=60)
    run(["rm", "-rf", "--one-file-system", str(folder)], root=True, timeout=60)
