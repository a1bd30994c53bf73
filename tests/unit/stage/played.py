"""A sandbox that is played by a few dictionaries, and a claim and demos to run on it."""

from __future__ import annotations

import json
from collections.abc import Callable

from hostonly.claims import Judgement, claim
from hostonly.errors import Unreachable
from hostonly.facts import Observed
from hostonly.stage.demo import Demo
from hostonly.stage.leftovers import DEMO_LABEL, KEPT_LABEL
from hostonly.stage.stage import Stage
from hostonly.stage.testbed import BuiltImage
from hostonly.testing import FakeVantage

IMAGE = BuiltImage("localhost:5000/hello-socket", "sha256:aa")
FREE = 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))\n'
HELD = 'LISTEN 0 128 0.0.0.0:8080 0.0.0.0:* users:(("nc",pid=99,fd=3))\n'
# What Docker 20.10 prints of it, on standard error.
TAKEN = (
    'docker: Error response from daemon: Conflict. The container name "/{}" is already in use by '
    f'container "{"e6" * 32}". You have to remove (or rename) that container to be able to reuse '
    "that name.\nSee 'docker run --help'.\n"
)


@claim("two.equal", "Two is two.", source="arithmetic")
def two_equal(*, two: int) -> Judgement:
    """Holds for 2."""
    return Judgement(two == 2, f"{two} was seen")


class Played(FakeVantage):
    """A sandbox with containers by name, each with its labels."""

    def __init__(self, name: str = "sandbox") -> None:
        super().__init__(name=name)
        self.containers: dict[str, dict[str, str]] = {}
        self.listening = FREE
        self.named = IMAGE.id
        self.refuse_removal = False
        self.networks = ""
        self.swarm = "inactive"
        self.logs = ""
        self.addresses: dict[str, str] = {}
        self.neighbours: list[dict[str, object]] = []

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        match argv:
            case ["docker", "run", *options]:
                marks = [options[i + 1] for i, word in enumerate(options) if word == "--label"]
                name = options[options.index("--name") + 1]
                if name in self.containers:
                    return 125, f"{'1e' * 32}\n", TAKEN.format(name)
                self.containers[name] = dict(mark.split("=") for mark in marks)
                return 0, "id\n", ""
            case ["docker", "ps", "--format", *_]:
                return 0, "".join(f"{name}\n" for name in self.containers), ""
            case ["sudo", "systemctl", "restart", "docker"]:
                self.listening = FREE
                return 0, "", ""
            case ["docker", "ps", "-a", *_]:
                lines = [
                    f"{name} {marks[DEMO_LABEL]} {marks.get(KEPT_LABEL, '')}"
                    for name, marks in self.containers.items()
                    if DEMO_LABEL in marks
                ]
                return 0, "".join(f"{line}\n" for line in lines), ""
            case ["ip", "-json", "neigh"]:
                return 0, json.dumps(self.neighbours), ""
            case ["docker", "container", "inspect", "--format", _, *names]:
                there = [f"/{name} {self.addresses.get(name, '')}\n" for name in names]
                return 0, "".join(there), ""
            case ["docker", "rm", "--force", "--volumes", *names]:
                if self.refuse_removal:
                    return 1, "", "Error response from daemon: device or resource busy\n"
                for name in names:
                    del self.containers[name]
                return 0, "", ""
            case ["docker", "logs", _]:
                return 0, "", self.logs
            case ["docker", "network", "ls", *_]:
                return 0, self.networks, ""
            case ["docker", "network", "rm", *_]:
                self.networks = ""
                return 0, "", ""
            case ["docker", "swarm", "leave", "--force"]:
                self.swarm = "inactive"
                return 0, "", ""
            case ["docker", "info", *_]:
                return 0, f"{self.swarm}\n", ""
            case ["docker", "image", "inspect", *_]:
                return 0, f"{self.named}\n", ""
            case ["sudo", "ss", *_]:
                return 0, self.listening, ""
            case ["false"]:
                return 1, "", "it went wrong\n"
            case ["interrupted"]:
                raise KeyboardInterrupt
            case ["gone"]:
                raise Unreachable("the connection to sandbox broke")
            case _:
                return 0, "", ""


def demo(run: Callable[[Stage], None]) -> Demo:
    return Demo("host", "a demo", run)


def start(stage: Stage, name: str = "hello") -> None:
    stage.step(stage.sandbox, "docker", "run", "-d", "--name", name, *stage.labels, stage.image)


def holds(stage: Stage) -> None:
    start(stage)
    stage.judge(two_equal, two=Observed(2, ()))
