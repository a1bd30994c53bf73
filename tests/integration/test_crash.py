"""Killed outright at named points, and back again: `kill -9` of inv and of all its children.

A point is a state of this machine, not a moment in time: the test looks until it sees that state and
then kills everything in the session that it started. What would pass too quickly to be seen is held there
(`held.py`). What LXC has put into a session of its own (a running container) stays, as it would; where the
power is cut it goes at once, and so does what only the kernel knew.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hostonly.host import firewall
from hostonly.providers.lxc import base, box
from hostonly.providers.lxc.container import LXC
from hostonly.sandbox.machine import Machine
from hostonly.site import STORE, Site
from hostonly.waiting import until
from tests.integration.command_line import INV, did, inv
from tests.integration.held import AFTER, BEFORE, BESIDE, StandIns
from tests.integration.killing import (
    Run,
    at_work,
    in_session,
    kill_session,
    started,
    wait_until,
)
from tests.integration.points import (
    BOOTS,
    DEMO,
    DESTROYS,
    HALTS,
    POINTS,
    PUSHES,
    Point,
    bridge,
    folder,
)

pytestmark = pytest.mark.usefixtures("each_from_a_known_state")

AGAIN_SECONDS = 300.0
INV_UP = [*INV, "sandbox.up"]


@pytest.fixture
def machine(site: Site) -> Machine:
    """The machine of the tests' checkout, to look at."""
    return Machine(site, lambda event: None)


def killed(
    checkout: Path,
    point: Point,
    machine: Machine,
    tmp_path: Path,
    how: Callable[[Run, Machine], None] = lambda run, machine: kill_session(run),
) -> None:
    """Start the point's task and kill it there."""
    argv = [*INV, point.task]
    with started(checkout, argv, point.held, tmp_path) as run:
        wait_until(run, lambda: point.reached(run, machine))
        how(run, machine)


def kill_at(
    checkout: Path,
    point: Point,
    machine: Machine,
    tmp_path: Path,
    how: Callable[[Run, Machine], None] = lambda run, machine: kill_session(run),
) -> None:
    """Have the point's task killed there, after what has to be there first."""
    prepared(machine, point)
    with point.around(machine):
        killed(checkout, point, machine, tmp_path, how)


def prepared(machine: Machine, point: Point) -> None:
    for task in point.first:
        done = inv(task)
        assert done.returncode == 0, done.stderr
    if "image" in point.task:
        # So that there is something to build and to push.
        for file in (machine.site.state / "image").glob("*"):
            if file.is_file():
                file.unlink()
        forget = (
            "sudo systemctl stop docker-registry; sudo rm -rf /var/lib/docker-registry/docker;"
            " sudo systemctl start docker-registry"
        )
        did("sandbox.exec", "--", "sh", "-c", forget)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_killed_and_back(checkout: Path, machine: Machine, tmp_path: Path, point: Point) -> None:
    kill_at(checkout, point, machine, tmp_path)
    done = inv(point.again)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    answers = inv("sandbox.exec", "--", "docker", "ps", "--all", "--quiet")
    assert answers.returncode == 0, answers.stderr
    assert answers.stdout == "", "a container is left over"
    assert_said(point, done)
    assert passing(machine) == []


def assert_said(point: Point, done: subprocess.CompletedProcess[str]) -> None:
    """The run after it has said what it cleared up."""
    said = done.stdout + done.stderr
    # pytest shows it where it fails.
    print(said)
    assert not point.says or any(each in said for each in point.says)


def passing(machine: Machine) -> list[str]:
    """What is in the checkout's state only while a run is at work."""
    return [each.name for each in machine.site.state.glob("*-[0-9]*-*")]


@pytest.mark.parametrize("point", [*POINTS[1:7], DESTROYS], ids=lambda point: point.name)
def test_killed_and_destroyed(
    checkout: Path, machine: Machine, tmp_path: Path, point: Point
) -> None:
    kill_at(checkout, point, machine, tmp_path)
    done = inv("sandbox.destroy")
    assert done.returncode == 0, done.stderr
    assert_said(point, done)
    assert_nothing_left(machine)


def assert_nothing_left(machine: Machine) -> None:
    assert not folder(machine).exists()
    assert not bridge(machine).exists()
    assert not machine.spec.folder.exists()
    assert passing(machine) == []
    done = inv("check.leftovers")
    assert done.returncode == 0, done.stdout


def test_vagrant_does_not_go_on_where_who_called_it_is_killed(
    checkout: Path, machine: Machine, tmp_path: Path
) -> None:
    """It was started first, and waits for the host's side, which nobody makes any more."""
    point = next(each for each in POINTS if each.name == "one bridge is made")
    assert inv("sandbox.destroy").returncode == 0
    with started(checkout, INV_UP, point.held, tmp_path) as run:
        wait_until(run, lambda: point.reached(run, machine) and run.printed("vagrant up"))
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait(timeout=10)
        deadline = time.monotonic() + AGAIN_SECONDS
        while at_work(run) & {"vagrant", "ruby"}:
            assert time.monotonic() < deadline, run.said.read_text()
            time.sleep(0.05)
    assert not folder(machine).exists()
    done = inv("sandbox.destroy")
    assert done.returncode == 0, done.stderr
    assert_nothing_left(machine)


# Stands in for the real one, which takes a minute: it hands over a small system, of more than the ten kilobytes
# that tar(1) reads before it begins to unpack.
SMALL = """\
system=$(mktemp -d) && mkdir -p "$system/usr" && head -c 100000 /dev/zero >"$system/usr/file" || exit
tar --create --directory "$system" ."""


def unpacking(run: Run, machine: Machine) -> bool:
    """What mmdebstrap has made is being unpacked."""
    name = base.current(machine.site.root).name
    return (STORE / "bases" / f"{name}.partial" / "rootfs" / "usr").exists()


@pytest.mark.parametrize(
    "real", [False, pytest.param(True, marks=pytest.mark.long)], ids=["quick", "real"]
)
def test_killed_while_the_base_is_built(
    checkout: Path,
    machine: Machine,
    tmp_path: Path,
    recipe: Path,
    monkeypatch: pytest.MonkeyPatch,
    real: bool,
) -> None:
    # The real one is at work for long enough to be seen.
    at_it = BESIDE if real else "held"
    handed_over: dict[str, str] = {} if real else {"mmdebstrap": f"{SMALL} && held"}
    points = [
        Point("mmdebstrap has begun", "sandbox.box", held={"mmdebstrap": at_it}),
        Point("the base is unpacked", "sandbox.box", unpacking, handed_over),
    ]
    partial = STORE / "bases" / f"{base.current(checkout).name}.partial"
    for point in points:
        killed(checkout, point, machine, tmp_path)
        assert partial.exists()
        assert str(partial) not in Path("/proc/self/mounts").read_text()
    if not real:
        small = StandIns(tmp_path / "small", {"mmdebstrap": SMALL})
        monkeypatch.setenv("PATH", small.path)
    done = inv("sandbox.box")
    assert done.returncode == 0, done.stderr
    assert f"{partial.stem} was cut off: what it left is removed" in done.stderr
    assert base.current(checkout).complete and base.intact(base.current(checkout).folder)
    assert not partial.exists()


@pytest.mark.parametrize(
    ("held", "in_place"),
    [({"vagrant": BEFORE}, False), ({"bsdtar": BEFORE}, False), ({"vagrant": AFTER}, True)],
    ids=["Vagrant begins", "Vagrant is at work", "the box is in its place"],
)
def test_killed_while_the_box_is_added(
    checkout: Path,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    held: dict[str, str],
    in_place: bool,
) -> None:
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant.d"))
    killed(checkout, Point("", "sandbox.box", held=held), machine, tmp_path)
    assert (box.boxes() / machine.spec.box / "0" / "lxc").exists() == in_place
    assert len(passing(machine)) == 1
    done = inv("sandbox.box")
    assert done.returncode == 0, done.stderr
    assert box.present(checkout)
    # Another one may be adding it: what is left goes under the sandboxes' lock.
    done = inv("sandbox.destroy")
    assert done.returncode == 0 and "a run that was killed had left box-" in done.stderr
    assert passing(machine) == []


# What takes long to come to is cut off in the long tests only.
CUTS = [
    BOOTS,
    DESTROYS,
    *(pytest.param(each, marks=pytest.mark.long) for each in (HALTS, DEMO, PUSHES)),
]


def cut(run: Run, machine: Machine) -> None:
    """All at once: our processes, the sandbox's, LXC's, and what the kernel has of them."""
    ours = in_session(run.process.pid)
    for pid in ours:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    monitors = f"[lxc monitor] {LXC} {machine.spec.instance}"
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if each.read_bytes().rstrip(b"\0").decode(errors="replace") == monitors:
                # First its init, with which everything in there goes.
                for child in (
                    (each.parent / "task" / each.parent.name / "children").read_text().split()
                ):
                    os.kill(int(child), signal.SIGKILL)
                os.kill(int(each.parent.name), signal.SIGKILL)
    kill_session(run)
    for link in (machine.site.bridge.name, machine.site.nat.name):
        subprocess.run(["ip", "link", "delete", link], check=False, timeout=10)
    table = firewall.table_name(machine.site.name)
    subprocess.run(["nft", "delete", "table", "inet", table], check=False, timeout=10)
    for each in Path("/run/lxc/lock/var/lib/lxc").glob(f".{machine.spec.instance}"):
        each.unlink()


@pytest.mark.parametrize("point", CUTS, ids=lambda point: point.name)
def test_power_cut(checkout: Path, machine: Machine, tmp_path: Path, point: Point) -> None:
    kill_at(checkout, point, machine, tmp_path, cut)
    done = inv(point.again)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert_said(point, done)
    done = inv("check.host-to-sandbox")
    assert done.returncode == 0, done.stdout
    assert inv("sandbox.destroy").returncode == 0
    assert_nothing_left(machine)


def test_a_reboot_from_inside_leaves_it_as_it_was(machine: Machine) -> None:
    assert inv("sandbox.up").returncode == 0
    before = machine.provider.boot()
    # The connection may go before the answer comes.
    inv("sandbox.exec", "--", "sudo", "systemctl", "reboot")
    assert until(
        lambda: machine.status().state == "running" and machine.provider.boot() != before,
        bool,
        AGAIN_SECONDS,
    ), "it never began again"
    done = inv("sandbox.up")
    assert done.returncode == 0, done.stderr
    done = inv("check.host-to-sandbox")
    assert done.returncode == 0, done.stdout


def test_power_cut_while_it_runs(machine: Machine) -> None:
    assert inv("sandbox.up").returncode == 0
    mark = ["sh", "-c", "echo kept | sudo tee /var/lib/mark && sync"]
    assert inv("sandbox.exec", "--", *mark).returncode == 0
    # The monitor and everything in the container at once, as when the power goes.
    subprocess.run(["lxc-stop", "--kill", "--name", machine.spec.instance], check=True, timeout=60)
    for link in (machine.site.bridge.name, machine.site.nat.name):
        subprocess.run(["ip", "link", "delete", link], check=True, timeout=10)
    again = inv("sandbox.up")
    assert again.returncode == 0, again.stderr
    kept = inv("sandbox.exec", "--", "cat", "/var/lib/mark")
    assert kept.stdout == "kept\n"


def test_ten_at_once_make_one(checkout: Path, machine: Machine, tmp_path: Path) -> None:
    assert inv("sandbox.destroy").returncode == 0
    # The one that makes it does not end before another one has found it at work.
    stand_ins = StandIns(tmp_path / "bin", {"lxc-start": BEFORE})
    many, files = [], [tmp_path / f"said-{number}" for number in range(10)]
    for file in files:
        with file.open("wb") as out:
            command = [*INV, "sandbox.up"]
            many.append(
                subprocess.Popen(command, cwd=checkout, env=stand_ins.environment, stderr=out)
            )
    assert until(
        lambda: any("waiting for inv sandbox.up" in file.read_text() for file in files),
        bool,
        AGAIN_SECONDS,
    )
    stand_ins.let_go()
    ended = [process.wait(timeout=AGAIN_SECONDS) for process in many]
    said = [file.read_text() for file in files]
    assert ended == [0] * 10, "\n".join(said)
    assert sum("vagrant up" in each for each in said) == 1
    # Who came late, when it was up, had nobody to wait for.
    others = [each for each in said if "vagrant up" not in each]
    assert all("sandbox is up at" in each for each in others), others


def test_up_and_destroy_at_once_end_in_one_of_both_states(checkout: Path, machine: Machine) -> None:
    for _ in range(3):
        pair = [
            subprocess.Popen([*INV, task], cwd=checkout, stderr=subprocess.PIPE)
            for task in ("sandbox.up", "sandbox.destroy")
        ]
        for process in pair:
            process.communicate(timeout=AGAIN_SECONDS)
        assert [process.returncode for process in pair] == [0, 0]
        assert machine.status().state in ("running", "not_created")
        assert bridge(machine).exists() == (machine.status().state == "running")
