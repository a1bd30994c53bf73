"""Killed outright at named points, and back again: `kill -9` of inv and of all its children.

A point is a state of this machine, not a moment in time: the test looks until it sees that state and
then kills everything in the session that it started. What LXC has put into a session of its own (a
running container) stays, as it would; where the power is cut it goes at once, and so does what only the
kernel knew.
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

from hostonly.host import firewall
from hostonly.sandbox import base, box
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
    """Where to kill: in which task, at which state, and which task must work afterwards, which must say of
    what it cleared up one of what ``says`` has (nothing where it is empty: there was nothing)."""

    name: str
    task: str
    reached: Callable[[Run, Machine], bool]
    again: str = "sandbox.up"
    first: tuple[str, ...] = ("sandbox.destroy",)
    says: tuple[str, ...] = ()


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

# What the next run says of what it found.
LEFT = ("a run that was killed had left ahead-",)
HALF_OR_LOST = ("was made only half: removing it", "had lost sight of the container")

POINTS = [
    Point("the program has just begun", "sandbox.up", lambda r, m: r.seconds() > 0.3),
    Point("one bridge is made", "sandbox.up", lambda r, m: bridge(m).exists(), says=LEFT),
    Point(
        "the container's folder appears",
        "sandbox.up",
        lambda r, m: folder(m).exists(),
        says=HALF_OR_LOST,
    ),
    Point(
        "the container is filled and LXC still at it",
        "sandbox.up",
        lambda r, m: (folder(m) / COMPLETE).exists(),
        says=HALF_OR_LOST,
    ),
    Point(
        "the container is whole and Vagrant does not know it",
        "sandbox.up",
        lambda r, m: (folder(m) / COMPLETE).exists() and not (folder(m) / UNFINISHED).exists(),
        says=("had lost sight of the container", *LEFT),
    ),
    Point(
        "Vagrant has noted the container",
        "sandbox.up",
        lambda r, m: m.lxc.known_to_vagrant,
        says=LEFT,
    ),
    Point(
        "the container boots",
        "sandbox.up",
        lambda r, m: m.lxc.known_to_vagrant and m.lxc.state() == "running",
        says=LEFT,
    ),
    Point("Docker is waited for", "sandbox.up", at("waiting for Docker"), says=LEFT),
    Point("Vagrant halts it", "sandbox.halt", at("vagrant halt", 0.3), first=UP, says=LEFT),
    Point(
        "it starts again",
        "sandbox.up",
        at("vagrant up", 1.2),
        first=(*UP, "sandbox.halt"),
        says=LEFT,
    ),
    Point(
        "Vagrant destroys it", "sandbox.destroy", at("vagrant destroy", 0.6), first=UP, says=LEFT
    ),
    Point(
        "the container is gone and the bridges are not",
        "sandbox.destroy",
        lambda r, m: not folder(m).exists(),
        first=UP,
        says=LEFT,
    ),
    Point("Maven builds the JAR", "image.push", at("building the JAR", 0.5), "image.push", UP),
    Point("Packer builds the image", "image.push", at("packer build", 0.7), "image.push", UP),
    Point("the image is pushed", "image.push", at("docker push", 0.2), "image.push", UP),
    Point(
        "a demo's container runs",
        "demo.host",
        at("docker ps"),
        "demo.host",
        BUILT,
        ("an earlier demo left container",),
    ),
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
        # Its leader first, that it does not come to see the others end and clear up.
        for pid in sorted(left, key=lambda pid: pid != run.process.pid):
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


def killed(
    checkout: Path,
    point: Point,
    machine: Machine,
    tmp_path: Path,
    missed: int = 0,
    how: Callable[[Run, Machine], None] = lambda run, machine: kill_session(run),
) -> bool:
    """Start the point's task and kill it there; whether it was seen to be there before it ended."""
    with started(checkout, point.task, tmp_path, missed) as run:
        deadline = time.monotonic() + POINT_SECONDS
        while not point.reached(run, machine):
            if run.process.poll() is not None:
                assert run.process.returncode == 0, run.said.read_text()
                return False
            assert time.monotonic() < deadline, run.said.read_text()
            time.sleep(0.002)
        how(run, machine)
    return True


def kill_at(
    checkout: Path,
    point: Point,
    machine: Machine,
    tmp_path: Path,
    how: Callable[[Run, Machine], None] = lambda run, machine: kill_session(run),
) -> None:
    """Have the point's task killed there; one that ends before, again and again, is a test that is wrong."""
    for missed in range(TRIES):
        prepared(checkout, machine, point)
        if killed(checkout, point, machine, tmp_path, missed, how):
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
    return [each.name for each in machine.settings.state.glob("*-[0-9]*-*")]


@pytest.mark.parametrize("point", POINTS[1:7], ids=lambda point: point.name)
def test_killed_and_destroyed(
    checkout: Path, machine: Machine, tmp_path: Path, point: Point
) -> None:
    kill_at(checkout, point, machine, tmp_path)
    done = inv(checkout, "sandbox.destroy")
    assert done.returncode == 0, done.stderr
    assert_said(point, done)
    assert_nothing_left(checkout, machine)


def assert_nothing_left(checkout: Path, machine: Machine) -> None:
    assert not folder(machine).exists()
    assert not bridge(machine).exists()
    assert not (STORE / "sandboxes" / machine.container).exists()
    assert passing(machine) == []
    done = inv(checkout, "check.leftovers")
    assert done.returncode == 0, done.stdout


# Stands in for the real one, which takes a minute: it is at work, then hands over a small system, and is
# at work again before it has handed over all of it.
MMDEBSTRAP = """\
#!/bin/sh
sleep 2
system=$(mktemp -d) && mkdir -p "$system/usr" && echo "a base" >"$system/usr/file" || exit
tar --create --directory "$system" --blocking-factor=1 . && sleep 2
"""


def building(run: Run, machine: Machine) -> bool:
    """mmdebstrap is at work."""
    for pid in in_session(run.process.pid):
        with contextlib.suppress(OSError):  # It has ended since.
            if Path("/proc", str(pid), "comm").read_text() == "mmdebstrap\n":
                return True
    return False


def unpacking(run: Run, machine: Machine) -> bool:
    """What mmdebstrap has made is being unpacked."""
    name = base.current(machine.settings.root).name
    return (STORE / "bases" / f"{name}.partial" / "rootfs" / "usr").exists()


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.long)], ids=["quick", "real"])
def mmdebstrap(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real one, or what stands in for it."""
    if request.param:
        return
    program = tmp_path / "bin" / "mmdebstrap"
    program.parent.mkdir()
    program.write_text(MMDEBSTRAP)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_killed_while_the_base_is_built(
    checkout: Path, machine: Machine, tmp_path: Path, recipe: Path, mmdebstrap: None
) -> None:
    points = [
        Point("mmdebstrap has begun", "sandbox.box", building),
        Point("the base is unpacked", "sandbox.box", unpacking),
    ]
    partial = STORE / "bases" / f"{base.current(checkout).name}.partial"
    for point in points:
        assert killed(checkout, point, machine, tmp_path), point.name
        assert partial.exists()
        assert str(partial) not in Path("/proc/self/mounts").read_text()
    done = inv(checkout, "sandbox.box")
    assert done.returncode == 0, done.stderr
    assert f"{partial.stem} was cut off: what it left is removed" in done.stderr
    assert base.current(checkout).complete and base.intact(base.current(checkout).folder)
    assert not partial.exists()


@pytest.mark.parametrize(
    "reached",
    [
        lambda r, m: bool(passing(m)),
        at("adding the box to Vagrant", 0.6),
        lambda r, m: (box.boxes() / box.name(m.settings.root) / "0" / "lxc").exists(),
    ],
    ids=["Vagrant begins", "Vagrant is at work", "the box's folder appears"],
)
def test_killed_while_the_box_is_added(
    checkout: Path,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reached: Callable[[Run, Machine], bool],
) -> None:
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant.d"))
    assert killed(checkout, Point("", "sandbox.box", reached), machine, tmp_path)
    assert len(passing(machine)) == 1
    done = inv(checkout, "sandbox.box")
    assert done.returncode == 0, done.stderr
    assert box.present(checkout)
    # Another one may be adding it: what is left goes under the sandboxes' lock.
    done = inv(checkout, "sandbox.destroy")
    assert done.returncode == 0 and "a run that was killed had left box-" in done.stderr
    assert passing(machine) == []


# What takes long to come to is cut off in the long tests only.
CUTS = [
    Point(
        "while it boots",
        "sandbox.up",
        lambda r, m: m.lxc.known_to_vagrant and m.lxc.state() == "running",
        says=LEFT,
    ),
    Point("while it halts", "sandbox.halt", at("vagrant halt", 0.3), first=UP, says=LEFT),
    Point(
        "while it is destroyed", "sandbox.destroy", at("vagrant destroy", 0.6), first=UP, says=LEFT
    ),
    Point(
        "while a demo runs",
        "demo.host",
        at("docker ps"),
        "demo.host",
        BUILT,
        ("an earlier demo left container",),
    ),
    Point("while an image is pushed", "image.push", at("docker push", 0.2), "image.push", UP),
]


def cut(run: Run, machine: Machine) -> None:
    """All at once: our processes, the sandbox's, LXC's, and what the kernel has of them."""
    ours = in_session(run.process.pid)
    for pid in ours:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    monitors = f"[lxc monitor] {LXC} {machine.container}"
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
    for link in (machine.settings.network.bridge, machine.settings.network.nat_bridge):
        subprocess.run(["ip", "link", "delete", link], check=False, timeout=10)
    table = firewall.table(machine.settings).name
    subprocess.run(["nft", "delete", "table", "inet", table], check=False, timeout=10)
    for each in Path("/run/lxc/lock/var/lib/lxc").glob(f".{machine.container}"):
        each.unlink()


@pytest.mark.parametrize(
    "point",
    [CUTS[0], *(pytest.param(each, marks=pytest.mark.long) for each in CUTS[1:])],
    ids=lambda point: point.name,
)
def test_power_cut(checkout: Path, machine: Machine, tmp_path: Path, point: Point) -> None:
    kill_at(checkout, point, machine, tmp_path, cut)
    done = inv(checkout, point.again)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert_said(point, done)
    done = inv(checkout, "check.host-to-sandbox")
    assert done.returncode == 0, done.stdout
    assert inv(checkout, "sandbox.destroy").returncode == 0
    assert_nothing_left(checkout, machine)


def test_a_reboot_from_inside_leaves_it_as_it_was(checkout: Path, machine: Machine) -> None:
    assert inv(checkout, "sandbox.up").returncode == 0
    before = machine.lxc.init()
    # The connection may go before the answer comes.
    inv(checkout, "sandbox.exec", "--", "sudo", "systemctl", "reboot")
    deadline = time.monotonic() + AGAIN_SECONDS
    while machine.status().state != "running" or machine.lxc.init() == before:
        assert time.monotonic() < deadline, "it never began again"
        time.sleep(0.05)
    done = inv(checkout, "sandbox.up")
    assert done.returncode == 0, done.stderr
    done = inv(checkout, "check.host-to-sandbox")
    assert done.returncode == 0, done.stdout


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
