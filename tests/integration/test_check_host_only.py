"""A neighbour on the LAN does not reach the sandbox, and does once our table is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hostonly.host import firewall, lan
from hostonly.settings import Settings


def inv(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hostonly", *arguments],
        cwd=checkout,
        stdout=subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    document: dict[str, Any] = json.loads(done.stdout)
    return {claim["id"]: claim["verdict"] for claim in document["claims"]}


def made(settings: Settings) -> list[Path]:
    """Where what the check makes on this machine can be seen."""
    found = []
    for link in lan.links(settings):
        found += [Path("/sys/class/net", link.device), Path("/run/netns", link.vantage.namespace)]
    return found


@pytest.fixture
def up(checkout: Path) -> None:
    assert inv(checkout, "sandbox.up").returncode == 0


def test_nobody_else_reaches_the_sandbox(checkout: Path, up: None, settings: Settings) -> None:
    done = inv(checkout, "check.host-only", "--json")
    assert done.returncode == 0, done.stdout
    assert set(verdicts(done).values()) == {"HOLDS"}
    assert len(verdicts(done)) == 6
    assert not any(path.exists() for path in made(settings))


def test_without_our_table_the_same_check_fails(
    checkout: Path, up: None, settings: Settings
) -> None:
    table = firewall.table(settings)
    assert firewall.remove(table)
    try:
        done = inv(checkout, "check.host-only", "--json")
    finally:
        firewall.apply(table)
    assert done.returncode == 1
    assert verdicts(done)["unreachable.ssh"] == "FAILS"
    assert verdicts(done)["unreachable.registry"] == "FAILS"
    assert not any(path.exists() for path in made(settings))
