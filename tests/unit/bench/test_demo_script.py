"""The shell script that a demo is measured against: made from the demo's own document."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from bench.demo import script

RECORDED = Path(__file__).parents[1] / "demos" / "recorded" / "host.json"


def step(vantage: str, command: str, exit: int = 0) -> dict[str, Any]:
    return {"vantage": vantage, "command": command, "exit": exit}


DOCUMENT = {
    "steps": [
        step("sandbox", "docker run -d --name hello image"),
        step("host", "false", 1),
        step("sandbox", "docker rm --force hello"),
    ],
    "claims": [
        {
            "evidence": [
                {"vantage": "host", "command": "false"},
                {"vantage": "sandbox", "command": "sudo readlink /proc/732/ns/net"},
                {"vantage": "sandbox", "command": "sudo readlink /proc/1/ns/net"},
            ]
        }
    ],
}


def run(tmp_path: Path, text: str) -> tuple[int, list[str]]:
    """Run the script with an ssh that only writes down what it was told to run there."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$3" >>{tmp_path}/log\n')
    ssh.chmod(0o755)
    done = subprocess.run(["sh", "-c", text], check=False, timeout=10)
    return done.returncode, (tmp_path / "log").read_text().splitlines()


def test_the_same_commands_in_the_demos_order(tmp_path: Path) -> None:
    text = script(DOCUMENT, [str(tmp_path / "ssh"), "there"], 8080)
    status, log = run(tmp_path, text)
    assert status == 0
    assert log[0] == "docker run -d --name hello image"
    assert "sport = 8080" in log[1]
    assert log[2] == (
        "sudo readlink /proc/$(docker inspect --format '{{.State.Pid}}' hello)/ns/net"
    )
    assert log[3] == "sudo readlink /proc/1/ns/net"
    # What the claims look at comes before the container goes.
    assert log[4:] == ["docker rm --force hello"]


def test_a_command_that_ends_otherwise_stops_it(tmp_path: Path) -> None:
    document = {"steps": [step("sandbox", "one"), step("host", "true", 1), step("sandbox", "two")]}
    text = script({**document, "claims": []}, [str(tmp_path / "ssh"), "there"], 8080)
    assert run(tmp_path, text) == (1, ["one"])


def test_it_names_nothing_that_another_run_does_not_have() -> None:
    recorded = json.loads(RECORDED.read_text())["runs"]
    commands = [step(each["at"], each["command"]) for each in recorded if "command" in each]
    text = script({"steps": commands, "claims": []}, ["ssh", "there"], 8080)
    assert "docker container inspect $(docker ps --quiet --no-trunc)" in text
    assert not re.search(r"[0-9a-f]{64}|/proc/(?!1/)[0-9]", text)
