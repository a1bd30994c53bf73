"""The sandbox's engine, which is reached over the kept connection, goes away in the middle of a build: that ends in a
sentence, and the next build is as ever."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hostonly.events import ignore
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from tests.integration.command_line import INV, inv
from tests.integration.held import BEFORE, only, passed_on_by_packer
from tests.integration.killing import started, wait_until

pytestmark = [
    pytest.mark.usefixtures("each_from_a_known_state"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root halts what is in use"),
]

SECONDS = 180.0


@pytest.fixture
def machine(checkout: Path, site: Site) -> Machine:
    """The machine of the tests' checkout, up, with an image still to be built."""
    done = inv("sandbox.up")
    assert done.returncode == 0, done.stderr
    for file in (site.state / "image").glob("*"):
        if file.is_file():
            file.unlink()
    return Machine(site, ignore)


def connections(machine: Machine) -> list[int]:
    """The ssh processes that keep, or use, the connection to ``machine``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_text(errors="replace")
        except OSError:
            continue
        if line.startswith("ssh\0") and str(machine.site.login_key) in line:
            found.append(int(process.name))
    return found


def ssh_is_killed(machine: Machine) -> None:
    for process in connections(machine):
        os.kill(process, signal.SIGKILL)


def it_is_halted(machine: Machine) -> None:
    done = inv("sandbox.halt")
    assert done.returncode == 0, done.stderr


def its_power_is_cut(machine: Machine) -> None:
    subprocess.run(["lxc-stop", "--kill", "--name", machine.spec.instance], check=True, timeout=60)


@pytest.mark.parametrize("lose", [ssh_is_killed, it_is_halted, its_power_is_cut])
def test_lost_in_the_middle_of_a_build(
    checkout: Path, machine: Machine, tmp_path: Path, lose: Callable[[Machine], None]
) -> None:
    held = {"docker": only(" commit ", BEFORE)}
    with (
        passed_on_by_packer(machine),
        started(checkout, [*INV, "image.build"], held, tmp_path) as run,
    ):
        wait_until(run, lambda: True)
        # Who keeps the connection, and the build, by which it is in use.
        assert len(connections(machine)) >= 2
        lose(machine)
        run.stand_ins.let_go()
        code = run.process.wait(timeout=SECONDS)
        said = run.said.read_text()
    assert code == 3, said
    assert re.search(r"^inv: packer failed.*\n  run:  packer build ", said, re.MULTILINE), said
    assert "Cannot connect to the Docker daemon" in said
    assert "Traceback" not in said and "bug in hostonly" not in said
    done = inv("sandbox.up")
    assert done.returncode == 0, done.stderr
    done = inv("image.build")
    assert done.returncode == 0, done.stderr
    assert "built the image" in done.stderr


def test_nothing_of_it_is_left(checkout: Path, machine: Machine) -> None:
    """Where the socket's path is too long for a socket it is reached by a link, in a folder of its own."""
    done = inv("image.build")
    assert done.returncode == 0, done.stderr
    assert list(Path(tempfile.gettempdir()).glob(f"{machine.site.temporary}*")) == []
    # The one that keeps the connection.
    assert len(connections(machine)) == 1


def test_several_wait_for_the_one_that_opens_the_connection(
    checkout: Path, machine: Machine
) -> None:
    assert inv("image.build").returncode == 0
    machine.shared.close()
    several = [
        subprocess.Popen([*INV, "image.build"], cwd=checkout, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [each.communicate(timeout=SECONDS)[1] for each in several]
    assert [each.returncode for each in several] == [0] * 4, said
    assert all("built and unchanged" in each for each in said)
