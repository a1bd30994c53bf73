"""Twenty lives of a sandbox, one after another, with others looking on; each ends clean."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.command_line import inv

pytestmark = pytest.mark.long

ROUNDS = 20
LIFE = ("sandbox.up", "demo.host", "sandbox.halt", "sandbox.up", "sandbox.destroy")

# What looks on: none of it may fail, whatever state the sandbox is in, nor get in the way.
LOOKS = (("--list",), ("sandbox.status",), ("sandbox.status", "--json"), ("demo.list",))
LOOK_PAUSE = 0.3

INV_SECONDS = 600.0


@contextmanager
def looked_on() -> Iterator[list[str]]:
    """Somebody looks again and again; what went wrong for them is in the list."""
    wrong: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for arguments in LOOKS:
                try:
                    done = inv(*arguments)
                except subprocess.TimeoutExpired as error:
                    wrong.append(str(error))
                    continue
                if done.returncode != 0:
                    wrong.append(f"{arguments}: {done.returncode}: {done.stderr[-500:]}")
            over.wait(LOOK_PAUSE)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield wrong
    finally:
        over.set()
        thread.join(INV_SECONDS * len(LOOKS))


def test_twenty_lives_end_clean(checkout: Path) -> None:
    # What is only made once (base, box, image's parts) is made before anybody counts.
    assert inv("image.push").returncode == 0
    assert inv("sandbox.destroy").returncode == 0
    began = time.monotonic()
    with looked_on() as wrong:
        for number in range(ROUNDS):
            for task in LIFE:
                done = inv(task)
                assert done.returncode == 0, (
                    f"round {number + 1}, {task}:\n{done.stdout}{done.stderr}"
                )
            states = json.loads(inv("sandbox.status", "--json").stdout)["machines"]
            assert {each["state"] for each in states} == {"not_created"}
            left = inv("check.leftovers")
            assert left.returncode == 0, f"round {number + 1}:\n{left.stdout}{left.stderr}"
    assert wrong == []
    print(f"{ROUNDS} lives in {time.monotonic() - began:.0f} s")
