"""demo.ports restarts the engine under containers that are not its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostonly.demos import ports
from hostonly.demos.ports import LASTING, RESTART
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped
from hostonly.stage.testbed import Testbed
from hostonly.vantages import shown
from tests.unit.stage.played import Played

CAPTURED = Path(__file__).parents[1] / "facts" / "docker" / "container-published.json"


def container(name: str, *, auto_remove: bool = False, network: str = "default") -> dict[str, Any]:
    (item,) = json.loads(CAPTURED.read_text())
    host = {**item["HostConfig"], "AutoRemove": auto_remove, "NetworkMode": network}
    described: dict[str, Any] = {**item, "Id": f"id-{name}", "Name": f"/{name}", "HostConfig": host}
    return described


class Running(Played):
    """A sandbox on which these containers run."""

    def __init__(self, items: Sequence[dict[str, Any]], *, starts: bool = True) -> None:
        super().__init__()
        self.items, self.starts = items, starts

    def answer(self, argv: list[str]) -> tuple[int, str, str]:
        match argv:
            case ["docker", "ps", "--quiet", "--no-trunc"]:
                return 0, "".join(f"{item['Id']}\n" for item in self.items), ""
            case ["docker", "container", "inspect", *names]:
                found = [i for i in self.items if {i["Id"], i["Name"][1:]} & set(names)]
                return 0, json.dumps(found), ""
            case ["docker", "start", *_] if not self.starts:
                return 1, "", "Error response from daemon: no such container: id-web\n"
        return super().answer(argv)


def restarted(testbed: Testbed, sandbox: Running) -> list[str]:
    """What is run as the engine is restarted on ``sandbox``."""
    ports._restart_engine(Stage("ports", replace(testbed, sandbox=sandbox), lambda event: None))
    return sandbox.ran


OWN = container(LASTING)


def test_what_else_ran_is_started_again_at_once(testbed: Testbed) -> None:
    joined = container("joined", network="container:id-web")
    ran = restarted(testbed, Running([joined, container("web"), OWN]))
    begun = ran.index(shown(["sudo", "sh", "-c", RESTART]))
    # The one whose network the other is in first.
    assert ran[-1] == "docker start id-web id-joined" and begun < len(ran) - 1


def test_what_would_be_removed_is_left_alone(testbed: Testbed) -> None:
    sandbox = Running([OWN, container("web", auto_remove=True)])
    with pytest.raises(Stopped, match="web runs with --rm"):
        restarted(testbed, sandbox)
    assert not any("restart" in line for line in sandbox.ran)


def test_what_cannot_be_started_again_is_told(testbed: Testbed) -> None:
    with pytest.raises(Stopped, match=r"`docker start id-web` exited with 1: .* no such container"):
        restarted(testbed, Running([OWN, container("web")], starts=False))
