"""A slow machine: both sandboxes have a small part of one processor, and all that takes is time.

A machine that emulates its processor is some twenty times slower; a sandbox has two processors here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.host.command import run
from hostonly.site import Site
from tests.integration.command_line import answer, inside, inv, up

pytestmark = pytest.mark.long

BOTH = ("sandbox", "sandbox2")
PERIOD = 100_000
# Of one processor.
PART = 0.08


def give(site: Site, processors: float) -> None:
    """Give each sandbox so many processors' time, as the Vagrantfile does."""
    quota = round(processors * PERIOD)
    second = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    group = ("cpu.max", f"{quota} {PERIOD}") if second else ("cpu.cfs_quota_us", str(quota))
    for machine in BOTH:
        container = site.machine(machine).instance
        run(["lxc-cgroup", "--name", container, *group], root=True, timeout=20)


@pytest.fixture
def slow(site: Site) -> Iterator[None]:
    up(*BOTH)
    # What is slow is what is to be tested, and not Maven and Packer beside it.
    assert inv("image.push").returncode == 0
    give(site, PART)
    try:
        yield
    finally:
        give(site, site.sandbox.cpus)


@pytest.mark.parametrize("task", ["check.matrix", "demo.overlay"])
def test_it_holds_and_takes_its_time(slow: None, task: str) -> None:
    code, document = answer(task, timeout=2400.0)
    assert code == 0, document
    for machine in BOTH:
        state = inside(machine, "docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
        assert state.strip() == "inactive"
