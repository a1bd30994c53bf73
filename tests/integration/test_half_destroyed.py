"""A sandbox whose destruction was cut off, by whatever hand: nobody starts what is left of it, it is said what
it is, and the next who changes anything finishes the destruction first."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostonly.events import ignore
from hostonly.ownership import owners
from hostonly.providers.lxc.container import LXC
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from tests.integration.command_line import answer, claims, did, inv
from tests.integration.held import HALFWAY
from tests.integration.killing import kill_session, started, wait_until
from tests.integration.test_by_hand import vagrant

pytestmark = [
    pytest.mark.usefixtures("each_from_a_known_state"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root holds up what root does"),
]

SAYS = "was destroyed only half: removing the rest"


@pytest.fixture
def machine(stand_in_for_inv: None, site: Site) -> Iterator[Machine]:
    """The machine of the tests' checkout, up, with a file in it that the next one will not have; no other
    one, which Vagrant would destroy first."""
    did("sandbox.destroy", "--machine", "sandbox2")
    it = Machine(site, ignore)
    life.up([it])
    assert inv("sandbox.exec", "--", "touch", "old").returncode == 0
    yield it
    assert inv("sandbox.destroy").returncode == 0
    left = inv("check.leftovers")
    assert left.returncode == 0, left.stdout


def destroyed_half(checkout: Path, machine: Machine, tmp_path: Path, *argv: str) -> Path:
    """Kill ``argv``, which destroys the machine, half way; what is left of it."""
    with started(checkout, argv, {"lxc-destroy": HALFWAY}, tmp_path) as run:
        wait_until(run, lambda: True)
        kill_session(run)
    folder = LXC / machine.spec.instance
    assert (folder / "config").exists() and list((folder / "layer").iterdir()) == [
        folder / "layer" / "etc"
    ]
    return folder


def assert_anew() -> None:
    """It is up, and is another one."""
    assert inv("sandbox.exec", "--", "sh", "-c", "test ! -e old && docker info").returncode == 0


def state() -> str:
    found: str = json.loads(inv("sandbox.status", "--json").stdout)["machines"][0]["state"]
    return found


@pytest.mark.parametrize("by", ["vagrant destroy --force", "lxc-destroy --name {} --force"])
def test_it_is_said_and_not_started_by_anybody(
    checkout: Path, machine: Machine, tmp_path: Path, by: str
) -> None:
    folder = destroyed_half(checkout, machine, tmp_path, *by.format(machine.spec.instance).split())
    assert state() == "half_destroyed"
    assert "half destroyed" in inv("sandbox.status").stdout
    refused = inv("sandbox.exec", "--", "true")
    assert refused.returncode == 3 and "half destroyed" in refused.stderr
    assert "./inv sandbox.up" in refused.stderr
    code, document = answer("check.host-to-sandbox")
    assert code == 1 and "half destroyed" in claims(document)["sandbox.running"]["because"]
    assert (
        subprocess.run(["lxc-start", "--name", machine.spec.instance], check=False).returncode != 0
    )
    assert machine.provider.state() == "stopped" and folder.exists()
    # By hand, where Vagrant itself knows it as one that is off.
    up = vagrant(checkout, "up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert SAYS in up.stderr + up.stdout
    assert inv("sandbox.up").returncode == 0
    assert_anew()


def without_configuration(folder: Path) -> None:
    """As far as the rest of the folder, which is removed in no order."""
    (folder / "config").unlink()


def not_understood(folder: Path) -> None:
    """LXC itself would not destroy it any more."""
    (folder / "config").write_text("lxc.include = /nowhere\n")


@pytest.mark.parametrize(
    ("task", "ruin"),
    [
        ("sandbox.up", not_understood),
        ("sandbox.halt", without_configuration),
        ("demo.host", without_configuration),
    ],
)
def test_the_next_task_finishes_it(
    checkout: Path, machine: Machine, tmp_path: Path, task: str, ruin: Callable[[Path], None]
) -> None:
    folder = destroyed_half(checkout, machine, tmp_path, "vagrant", "destroy", "--force")
    ruin(folder)
    assert state() == "half_destroyed"
    done = inv(task)
    assert done.returncode == 0, done.stderr
    assert SAYS in done.stderr
    if task == "sandbox.halt":
        assert not folder.exists() and state() == "not_created"
    else:
        assert_anew()


def as_it_is(folder: Path) -> None:
    """Vagrant still knows it."""


@pytest.mark.parametrize(
    ("verb", "ruin"),
    [("up", without_configuration), ("destroy", without_configuration), ("reload", as_it_is)],
)
def test_vagrant_by_hand_finishes_it(
    checkout: Path, machine: Machine, tmp_path: Path, verb: str, ruin: Callable[[Path], None]
) -> None:
    folder = destroyed_half(checkout, machine, tmp_path, "vagrant", "destroy", "--force")
    ruin(folder)
    done = vagrant(checkout, verb, *(["--force"] if verb == "destroy" else []))
    assert done.returncode == 0, done.stdout + done.stderr
    assert SAYS in done.stderr + done.stdout
    if verb == "up":
        assert inv("sandbox.up").returncode == 0
        assert_anew()
    else:
        assert not folder.exists() and state() == "not_created"


def test_another_ones_is_finished_too(
    checkout: Path, machine: Machine, site: Site, tmp_path: Path
) -> None:
    """And the one that is whole stays as it is."""
    second = Machine(site, ignore, "sandbox2")
    life.up([second])
    argv = ("lxc-destroy", "--name", second.spec.instance, "--force")
    destroyed_half(checkout, second, tmp_path, *argv)
    done = inv("sandbox.up")
    assert done.returncode == 0 and f"{second.spec.instance} {SAYS}" in done.stderr
    assert not (LXC / second.spec.instance).exists()
    assert inv("sandbox.exec", "--", "test", "-e", "old").returncode == 0


def test_one_that_does_not_say_what_it_lies_on_is_not_started(
    checkout: Path, machine: Machine
) -> None:
    """As after a cut while Vagrant wrote its configuration: LXC would start it on the host's own files."""
    life.halt(machine)
    (LXC / machine.spec.instance / "config").write_text("lxc.uts.name = x\n")
    for refused in (inv("sandbox.up"), vagrant(checkout, "up")):
        assert refused.returncode != 0
        assert "was cut off: it does not say what it lies on" in refused.stdout + refused.stderr
        assert machine.provider.state() == "stopped"


def test_one_that_is_nobodys_is_left_alone(machine: Machine, site: Site) -> None:
    """A container of somebody else's has no mark that it is whole: it is none of ours."""
    folder = LXC / machine.spec.instance
    life.destroy([machine])
    (folder / "layer").mkdir(parents=True)
    (folder / "config").write_text("lxc.uts.name = theirs\n")
    try:
        for task in ("sandbox.up", "sandbox.destroy", "sandbox.halt"):
            done = inv(task)
            assert (folder / "config").exists(), done.stderr
            assert done.returncode == (0 if task == "sandbox.halt" else 3)
        assert owners.owner(machine.spec.folder) is None
    finally:
        shutil.rmtree(folder)
