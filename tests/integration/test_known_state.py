"""What a test that failed has left is cleared, whatever it is, so that the next module begins as the first."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hostonly.events import ignore
from hostonly.providers.lxc.container import LXC
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import INSTANCES, Site
from tests.integration import ruin
from tests.integration.command_line import INV, inv
from tests.integration.held import BEFORE, StandIns

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root breaks a container")


def assert_nothing_left() -> None:
    left = inv("check.leftovers")
    assert left.returncode == 0, left.stdout
    assert inv("sandbox.status").stdout.count("not created") == 2


def test_a_ruin_that_the_program_would_not_touch(site: Site, checkout: Path) -> None:
    """LXC does not understand it, a part of it cannot be removed, and it says that it is whole."""
    machine = Machine(site, ignore)
    life.up([machine])
    life.halt(machine)
    folder = LXC / machine.spec.instance
    (folder / "config").write_text("lxc.include = /nowhere\n")
    subprocess.run(["mount", "--bind", folder / "layer", folder / "layer"], check=True)
    assert inv("sandbox.up").returncode == 3
    assert ruin.clear(site) == ""
    assert not folder.exists()
    assert_nothing_left()


def test_a_task_that_is_still_at_work(site: Site, checkout: Path, tmp_path: Path) -> None:
    """It has the lock, and the sandbox runs."""
    life.up([Machine(site, ignore)])
    stand_ins = StandIns(tmp_path / "bin", {"lxc-stop": BEFORE})
    halting = subprocess.Popen(
        [*INV, "sandbox.halt"],
        cwd=checkout,
        env=stand_ins.environment,
        stderr=subprocess.DEVNULL,
    )
    while not stand_ins.held():
        assert halting.poll() is None
    assert ruin.clear(site) == ""
    assert halting.wait(timeout=20) != 0
    assert_nothing_left()


def test_what_is_anothers_stays(site: Site, checkout: Path) -> None:
    container = site.machine("sandbox2").instance
    claimed = INSTANCES / container
    claimed.mkdir(parents=True)
    (claimed / "owner").write_text("/another/checkout\n")
    (LXC / container).mkdir()
    link = site.bridge.name
    try:
        subprocess.run(["ip", "link", "add", link, "type", "bridge"], check=True)
        # It says itself that it could not be done.
        assert "another checkout" in ruin.clear(site)
        assert (LXC / container).exists() and (claimed / "owner").exists()
        assert Path("/sys/class/net", link).exists()
    finally:
        subprocess.run(["ip", "link", "delete", link], check=True)
        (LXC / container).rmdir()
        (claimed / "owner").unlink()
        claimed.rmdir()
    assert_nothing_left()
