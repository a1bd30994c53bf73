"""Killed outright at named points, and back again: `kill -9` of inv and of all its children.

A point is a state of this machine, not a moment in time: the test looks until it sees that state and
then kills everything in the session that it started. What LXC has put into a session of its own (a
running container) stays, as it would; `power_cut` takes that away as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hostonly.sandbox.base import STORE
from hostonly.sandbox.container import COMPLETE, LXC, UNFINISHED
from hostonly.sandbox.machine import Machine
from hostonly.settings import Settings

POINT_SECONDS = 300.0
AGAIN_SECONDS = 300.0
# A state that lasts some tenths of a second can go by unseen, for want of a processor or because this
# machine is a quick one: then once more, with less patience.
TRIES = 4


@dataclass
class Run:
    """A task under way in a session of its own; ``said`` is the file that has what it printed, and
    ``missed`` says how often the state was missed in runs before this one."""

    process: subprocess.Popen[bytes]
    said: Path
    missed: int
    began: float = field(default_factory=time.monotonic)

    def printed(self, text: str) -> bool:
        """Whether it has printed ``text`` by now."""
        return text in self.said.read_text(errors="replace")

    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.began


@dataclass(frozen=True)
class Point:
    """Where to kill: in which task, at which state, and which task must work afterwards."""

    name: str
    task: str
    reached: Callable[[Run, Machine], bool]
    again: str = "sandbox.up"
    first: tuple[str, ...] = ("sandbox.destroy",)


def folder(machine: Machine) -> Path:
    return LXC / machine.container


def at(text: str, seconds: float = 0.0) -> Callable[[Run, Machine], bool]:
    """The state ``seconds`` after the task has printed ``text``; half of them each time it was missed."""
    seen: dict[int, float] = {}

    def reached(run: Run, machine: Machine) -> bool:
        if run.process.pid not in seen and run.printed(text):
            seen[run.process.pid] = time.monotonic()
        if run.process.pid not in seen:
            return False
        return time.monotonic() - seen[run.process.pid] >= seconds / (1 << run.missed)

    return reached


def bridge(machine: Machine) -> Path:
    return Path("/sys/class/net", machine.settings.network.bridge)


UP = ("sandbox.up",)
BUILT = ("sandbox.up", "image.push")

POINTS = [
    Point("the program has just begun", "sandbox.up", lambda r, m: r.seconds() > 0.3),
    Point("one bridge is made", "sandbox.up", lambda r, m: bridge(m).exists()),
    Point("the container's folder appears", "sandbox.up", lambda r, m: folder(m).exists()),
    Point(
        "the container is filled and LXC still at it",
        "sandbox.up",
        lambda r, m: (folder(m) / COMPLETE).exists(),
    ),
    Point(
        "the container is whole and Vagrant does not know it",
        "sandbox.up",
        lambda r, m: (folder(m) / COMPLETE).exists() and not (folder(m) / UNFINISHED).exists(),
    ),
    Point("Vagrant has noted the container", "sandbox.up", lambda r, m: m.lxc.known_to_vagrant),
    Point(
        "the container boots",
        "sandbox.up",
        lambda r, m: m.lxc.known_to_vagrant and m.lxc.state() == "running",
    ),
    Point("Docker is waited for", "sandbox.up", at("waiting for Docker")),
    Point("Vagrant halts it", "sandbox.halt", at("vagrant halt", 0.3), first=UP),
    Point("it starts again", "sandbox.up", at("vagrant up", 1.2), first=(*UP, "sandbox.halt")),
    Point("Vagrant destroys it", "sandbox.destroy", at("vagrant destroy", 0.6), first=UP),
    Point(
        "the container is gone and the bridges are not",
        "sandbox.destroy",
        lambda r, m: not folder(m).exists(),
        first=UP,
    ),
    Point("Maven builds the JAR", "image.push", at("building the JAR", 0.5), "image.push", UP),
    Point("Packer builds the image", "image.push", at("packer build", 0.7), "image.push", UP),
    Point("the image is pushed", "image.push", at("docker push", 0.2), "image.push", UP),
    Point("a demo's container runs", "demo.host", at("docker ps"), "demo.host", BUILT),
]


@pytest.fixture
def machine(checkout: Path, settings: Settings) -> Machine:
    """The machine of the tests' checkout, to look at."""
    return Machine(settings, lambda event: None)


def inv(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a task to its end."""
    return subprocess.run(
        [sys.executable, "-m", "hostonly", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=AGAIN_SECONDS,
        check=False,
    )


def in_session(session: int) -> list[int]:
    """The processes of a session, by what the kernel says now."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


def kill_session(run: Run) -> None:
    """Kill everything in the session that ``run`` leads, until there is nothing left of it."""
    deadline = time.monotonic() + 10
    while (left := in_session(run.process.pid)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.process.poll()
    run.process.wait(timeout=10)
    assert not in_session(run.process.pid)


@contextlib.contextmanager
def started(checkout: Path, task: str, tmp_path: Path, missed: int) -> Iterator[Run]:
    said = tmp_path / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "hostonly", task],
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    run = Run(process, said, missed)
    try:
        yield run
    finally:
        kill_session(run)


def killed(checkout: Path, point: Point, machine: Machine, tmp_path: Path, missed: int = 0) -> bool:
    """Start the point's task and kill it there; whether it was seen to be there before it ended."""
    with started(checkout, point.task, tmp_path, missed) as run:
        deadline = time.monotonic() + POINT_SECONDS
        while not point.reached(run, machine):
            if run.process.poll() is not None:
                assert run.process.returncode == 0, run.said.read_text()
                return False
            assert time.monotonic() < deadline, run.said.read_text()
            time.sleep(0.002)
    return True


def kill_at(checkout: Path, point: Point, machine: Machine, tmp_path: Path) -> None:
    """Have the point's task killed there; one that ends before, again and again, is a test that is wrong."""
    for missed in range(TRIES):
        prepared(checkout, machine, point)
        if killed(checkout, point, machine, tmp_path, missed):
            return
    pytest.fail(f"ended before the point, {TRIES} times")


def prepared(checkout: Path, machine: Machine, point: Point) -> None:
    for task in point.first:
        done = inv(checkout, task)
        assert done.returncode == 0, done.stderr
    if "image" in point.task:
        # So that there is something to build and to push.
        for file in (machine.settings.state / "image").glob("*"):
            if file.is_file():
                file.unlink()
        forget = (
            "sudo systemctl stop docker-registry; sudo rm -rf /var/lib/docker-registry/docker;"
            " sudo systemctl start docker-registry"
        )
        assert inv(checkout, "sandbox.exec", "--", "sh", "-c", forget).returncode == 0


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_killed_and_back(checkout: Path, machine: Machine, tmp_path: Path, point: Point) -> None:
    kill_at(checkout, point, machine, tmp_path)
    done = inv(checkout, point.again)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    answers = inv(checkout, "sandbox.exec", "--", "docker", "ps", "--all", "--quiet")
    assert answers.returncode == 0, answers.stderr
    assert answers.stdout == "", "a container is left over"


@pytest.mark.parametrize("point", POINTS[1:7], ids=lambda point: point.name)
def test_killed_and_destroyed(
    checkout: Path, machine: Machine, tmp_path: Path, point: Point
) -> None:
    kill_at(checkout, point, machine, tmp_path)
    done = inv(checkout, "sandbox.destroy")
    assert done.returncode == 0, done.stderr
    assert not folder(machine).exists()
    assert not bridge(machine).exists()
    assert not (STORE / "sandboxes" / machine.container).exists()


def test_power_cut_while_it_runs(checkout: Path, machine: Machine) -> None:
    assert inv(checkout, "sandbox.up").returncode == 0
    mark = ["sh", "-c", "echo kept | sudo tee /var/lib/mark && sync"]
    assert inv(checkout, "sandbox.exec", "--", *mark).returncode == 0
    # The monitor and everything in the container at once, as when the power goes.
    subprocess.run(["lxc-stop", "--kill", "--name", machine.container], check=True, timeout=60)
    for link in (machine.settings.network.bridge, machine.settings.network.nat_bridge):
        subprocess.run(["ip", "link", "delete", link], check=True, timeout=10)
    again = inv(checkout, "sandbox.up")
    assert again.returncode == 0, again.stderr
    kept = inv(checkout, "sandbox.exec", "--", "cat", "/var/lib/mark")
    assert kept.stdout == "kept\n"


def test_ten_at_once_make_one(checkout: Path, machine: Machine) -> None:
    assert inv(checkout, "sandbox.destroy").returncode == 0
    command = [sys.executable, "-m", "hostonly", "sandbox.up"]
    many = [
        subprocess.Popen(command, cwd=checkout, stderr=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    said = [process.communicate(timeout=AGAIN_SECONDS)[1] for process in many]
    assert [process.returncode for process in many] == [0] * 10, "\n".join(said)
    assert sum("vagrant up" in each for each in said) == 1
    # Who came late, when it was up, had nobody to wait for.
    others = [each for each in said if "vagrant up" not in each]
    assert all("sandbox is up at" in each for each in others), others
    assert any("waiting for inv sandbox.up" in each for each in others), others


def test_up_and_destroy_at_once_end_in_one_of_both_states(checkout: Path, machine: Machine) -> None:
    for _ in range(3):
        pair = [
            subprocess.Popen(
                [sys.executable, "-m", "hostonly", task], cwd=checkout, stderr=subprocess.PIPE
            )
            for task in ("sandbox.up", "sandbox.destroy")
        ]
        for process in pair:
            process.communicate(timeout=AGAIN_SECONDS)
        assert [process.returncode for process in pair] == [0, 0]
        assert machine.status().state in ("running", "not_created")
        assert bridge(machine).exists() == (machine.status().state == "running")
