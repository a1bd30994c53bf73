"""Where a run is killed: in which task, at which state of this machine, and what must work afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from hostonly.providers.lxc.container import COMPLETE, UNFINISHED, LxcContainer
from hostonly.sandbox.machine import Machine
from tests.integration.held import (
    AFTER,
    BEFORE,
    BESIDE,
    HALFWAY,
    only,
    passed_on_by_packer,
    stalled,
)
from tests.integration.killing import Run, at_work


@dataclass(frozen=True)
class Point:
    """Where to kill: in which task, at which state, and which task must work afterwards, which must say of
    what it cleared up one of what ``says`` has (nothing where it is empty: there was nothing).

    Which programs are held there, and where in their work, is in ``held``; the state is ``reached`` no
    sooner than one of them says so. What else holds it there is ``around`` the task."""

    name: str
    task: str
    reached: Callable[[Run, Machine], bool] = lambda run, machine: True
    held: Mapping[str, str] = field(default_factory=dict)
    again: str = "sandbox.up"
    first: tuple[str, ...] = ("sandbox.destroy",)
    says: tuple[str, ...] = ()
    around: Callable[[Machine], AbstractContextManager[None]] = lambda machine: nullcontext()


def container(machine: Machine) -> LxcContainer:
    return LxcContainer(machine.site, machine.spec)


def folder(machine: Machine) -> Path:
    return container(machine).folder


def printed(text: str) -> Callable[[Run, Machine], bool]:
    """The state in which the task has printed ``text``."""
    return lambda run, machine: run.printed(text)


def begun(run: Run, machine: Machine) -> bool:
    """The task has the sandboxes' lock, and has done nothing with it."""
    who = machine.site.state / "sandbox.lock.holder"
    return who.exists() and f"(process {run.process.pid})" in who.read_text()


def shutting_down(run: Run, machine: Machine) -> bool:
    """The sandbox does what it was told, or has done so."""
    return machine.provider.state() != "running" or container(machine)._is_shutting_down()


def uploading(run: Run, machine: Machine) -> bool:
    """The registry has a part of a layer."""
    registry = folder(machine) / "layer/var/lib/docker-registry/docker/registry/v2"
    found = registry.glob("repositories/*/_uploads/*/data")
    with contextlib.suppress(FileNotFoundError):  # It was the whole layer.
        return any(each.stat().st_size > 1_000_000 for each in found)
    return False


def bridge(machine: Machine) -> Path:
    return Path("/sys/class/net", machine.site.bridge.name)


UP = ("sandbox.up",)
BUILT = ("sandbox.up", "image.push")

# What the next run says of what it found.
LEFT = ("a run that was killed had left up-",)
HALF_OR_LOST = ("was made only half: removing it", "had lost sight of the container")
HALF_DESTROYED = ("was destroyed only half: removing the rest",)

BOOTS = Point(
    "the container boots",
    "sandbox.up",
    lambda r, m: m.provider.known_to_vagrant and m.provider.state() == "running",
    {"lxc-start": AFTER},
    says=LEFT,
)
HALTS = Point("Vagrant halts it", "sandbox.halt", shutting_down, {"lxc-stop": BESIDE}, first=UP)
DESTROYS = Point(
    "half of it is destroyed",
    "sandbox.destroy",
    held={"lxc-destroy": HALFWAY},
    first=UP,
    says=HALF_DESTROYED,
)
# The registry has a part of the image, and gets no more (`stalled`).
PUSHES = Point(
    "the image is pushed",
    "image.push",
    uploading,
    again="image.push",
    first=UP,
    around=stalled,
)
DEMO = Point(
    "a demo's container runs",
    "demo.host",
    printed("docker ps"),
    {"nc": BEFORE},
    "demo.host",
    BUILT,
    ("an earlier demo left container",),
)

POINTS = [
    Point("the program has just begun", "sandbox.up", begun),
    Point(
        "one bridge is made",
        "sandbox.up",
        lambda r, m: bridge(m).exists(),
        {"sysctl": only("/accept_ra=", BEFORE)},
        says=LEFT,
    ),
    Point(
        "the container is filled half",
        "sandbox.up",
        lambda r, m: (folder(m) / "layer").exists(),
        {"cp": only("/registry.pem", BEFORE)},
        says=HALF_OR_LOST,
    ),
    Point(
        "the container is filled and LXC still at it",
        "sandbox.up",
        lambda r, m: (folder(m) / COMPLETE).exists() and (folder(m) / UNFINISHED).exists(),
        {"sync": only(" /var/lib/lxc/", 'if [ -e "$1/hostonly-complete" ]; then held; fi')},
        says=HALF_OR_LOST,
    ),
    Point(
        "the container is whole and Vagrant does not know it",
        "sandbox.up",
        lambda r, m: m.provider.complete and not m.provider.known_to_vagrant,
        {"lxc-create": only("--template", AFTER)},
        says=("had lost sight of the container",),
    ),
    Point(
        "Vagrant has noted the container",
        "sandbox.up",
        lambda r, m: m.provider.known_to_vagrant,
        {"lxc-start": BEFORE},
        says=LEFT,
    ),
    BOOTS,
    Point(
        "Docker is waited for",
        "sandbox.up",
        printed("waiting for Docker"),
        {"ssh": only("docker/_ping", BEFORE)},
    ),
    HALTS,
    Point(
        "it starts again",
        "sandbox.up",
        lambda r, m: m.provider.state() != "stopped",
        {"lxc-start": BESIDE},
        first=(*UP, "sandbox.halt"),
        says=LEFT,
    ),
    Point(
        "Vagrant is about to destroy it",
        "sandbox.destroy",
        held={"lxc-destroy": BEFORE},
        first=UP,
    ),
    Point(
        "its destruction is noted and has not begun",
        "sandbox.destroy",
        lambda r, m: not m.provider.complete and (folder(m) / "layer" / "etc" / "ssh").exists(),
        {"sync": only(" /var/lib/lxc/", BEFORE)},
        first=UP,
        says=HALF_DESTROYED,
    ),
    DESTROYS,
    Point(
        "the container is gone and the bridges are not",
        "sandbox.destroy",
        lambda r, m: not folder(m).exists() and bridge(m).exists(),
        {"lxc-destroy": AFTER},
        first=UP,
        says=("is gone; Vagrant's note of it was removed",),
    ),
    Point(
        "Maven builds the JAR",
        "image.push",
        lambda r, m: "java" in at_work(r),
        {"mvn": BESIDE},
        "image.push",
        UP,
    ),
    Point(
        "Packer builds the image",
        "image.push",
        printed("packer build"),
        {"docker": only(" commit ", BEFORE)},
        "image.push",
        UP,
        ("a build that was killed had left its container",),
        around=passed_on_by_packer,
    ),
    PUSHES,
    DEMO,
]
