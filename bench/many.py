"""The rows of several sandboxes at once, of one checkout, with their memory and disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Comparison, limit
from bench.result import Row
from bench.workspace import Workspace
from hostonly.errors import HostonlyError
from hostonly.host.command import run
from hostonly.providers.lxc.container import LXC
from hostonly.sandbox.machine import Machine

NUMBER = 8
LIMIT_MB = 120.0
DISK_LIMIT_MB = 60.0

EIGHT = Row("eight", "s", "sandbox.up --count 8 over sandbox.up", 3.5)
CGROUP = Row("memory-cgroup", "MB", "the largest of eight, by control group, over 120 MB", 1.0)
PSS = Row("memory-pss", "MB", "the largest of eight, by proportional set size, over 120 MB", 1.0)
DISK = Row("disk", "MB", "the largest of eight, with nothing done in it, over 60 MB", 1.0)

ROWS = (EIGHT, CGROUP, PSS, DISK)


@contextmanager
def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Start one, then all; look at memory while all are up and nothing runs in them."""
    with workspace.another(NUMBER) as here:
        # Once, unmeasured: keys and certificates.
        here.inv("host.prepare")
        here.inv("host.restore")

        def eight() -> dict[str, float]:
            try:
                return {
                    EIGHT.name: here.seconds("sandbox.up", "--count", str(NUMBER)),
                    CGROUP.name: max(_control_group_mb(each) for each in here.machines()),
                    PSS.name: max(_pss_mb(each) for each in here.machines()),
                    DISK.name: max(_disk_mb(each) for each in here.machines()),
                }
            finally:
                here.inv("sandbox.destroy")

        def one() -> dict[str, float]:
            try:
                return {
                    EIGHT.name: here.seconds("sandbox.up"),
                    **limit(CGROUP.name, LIMIT_MB)(),
                    **limit(PSS.name, LIMIT_MB)(),
                    **limit(DISK.name, DISK_LIMIT_MB)(),
                }
            finally:
                here.inv("sandbox.destroy")

        yield [Comparison(ROWS, eight, one, warm=False)]


def _control_group(machine: Machine) -> Path:
    """Return the control group that accounts for the sandbox's memory.

    Source: /proc/PID/cgroup, cgroups(7); LXC calls a container's group lxc.payload.NAME.
    """
    container = machine.spec.instance
    init = machine.provider.boot()
    for line in Path("/proc", init, "cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        mounted = Path("/sys/fs/cgroup", controllers)
        for group in (mounted / path.lstrip("/"), *(mounted / path.lstrip("/")).parents):
            if group.name == f"lxc.payload.{container}" and group.is_dir():
                return group
    raise HostonlyError(f"the control group of {container} was not found: its memory is unknown")


def _control_group_mb(machine: Machine) -> float:
    """Return the MB of its processes and of the kernel for it, less file contents to be dropped."""
    group = _control_group(machine)
    for usage in ("memory.current", "memory.usage_in_bytes"):
        if (group / usage).exists():
            rows = (
                line.split()
                for line in (group / "memory.stat").read_text(encoding="utf-8").splitlines()
            )
            stat = {words[0]: int(words[1]) for words in rows}
            droppable = stat.get("total_inactive_file", stat.get("inactive_file", 0))
            return (int((group / usage).read_text(encoding="utf-8")) - droppable) / 1e6
    raise HostonlyError(f"{group} accounts for no memory")


def _pss_mb(machine: Machine) -> float:
    """Return the MB of its processes: memory of their own, and their part of shared memory."""
    groups = _control_group(machine).rglob("cgroup.procs")
    pids = [pid for group in groups for pid in group.read_text(encoding="utf-8").split()]
    # Only root may read these files; a process that has ended meanwhile has no memory.
    line = 'for pid; do cat "/proc/$pid/smaps_rollup" 2>/dev/null || :; done'
    said = run(["sh", "-c", line, "pss", *pids], root=True, timeout=60)
    found = [int(line.split()[1]) for line in said.splitlines() if line.startswith("Pss:")]
    if not found:
        raise HostonlyError(f"no process of {machine.spec.instance} told of its memory")
    return sum(found) * 1024 / 1e6


def _disk_mb(machine: Machine) -> float:
    """Return the MB of its own layer and its engine's data, without the base that all share."""
    folder = LXC / machine.spec.instance
    return int(run(["du", "-sxB1", str(folder)], root=True, timeout=60).split()[0]) / 1e6
