"""Faults: each ends within a bounded time, mended or with one paragraph, never with a false HOLDS."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.host import firewall
from hostonly.sandbox import base, box
from hostonly.sandbox.machine import Machine
from hostonly.settings import Settings
from tests.integration.faults import MENDED, SAID, Fault


@pytest.fixture
def machine(checkout: Path, settings: Settings) -> Machine:
    """The machine of the tests' checkout, up and with its image pushed."""
    it = Machine(settings, lambda event: None)
    assert inv(checkout, "image.push").returncode == 0
    return it


def inv(
    checkout: Path,
    *arguments: str,
    environment: tuple[tuple[str, str], ...] = (),
    seconds: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run a task; what it printed, both streams together."""
    return subprocess.run(
        [sys.executable, "-m", "hostonly", *arguments],
        cwd=checkout,
        env={**os.environ, **dict(environment)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=seconds,
        check=False,
    )


def filled(line: str, machine: Machine) -> str:
    """The line with this machine's names."""
    return line.format(
        container=machine.container,
        bridge=machine.settings.network.bridge,
        address=machine.address,
        state=f"'{machine.settings.state}'",
        root=f"'{machine.settings.root}'",
        boxes=f"'{box.boxes()}'",
        box=box.name(machine.settings.root),
        table=firewall.table(machine.settings).name,
    )


def shell(machine: Machine, where: str, line: str) -> None:
    """Run a line as root, in the sandbox by way of LXC (which needs no sshd) or on the host."""
    inside = ["lxc-attach", "--name", machine.container, "--"] if where == "sandbox" else []
    subprocess.run([*inside, "sh", "-c", filled(line, machine)], check=True, timeout=60)


@pytest.fixture
def undone(machine: Machine) -> Iterator[list[Fault]]:
    """Faults put in here are undone, and the sandbox is well again, whatever the test did."""
    faults: list[Fault] = []
    yield faults
    for fault in faults:
        if fault.undo == "lxc":
            restore = "mv /etc/ssh/kept /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh"
            shell(machine, "sandbox", restore)
        else:
            shell(machine, fault.where, fault.undo)
    assert inv(machine.settings.root, "sandbox.up").returncode == 0


@pytest.mark.parametrize("fault", [*MENDED, *SAID], ids=lambda fault: fault.name)
def test_fault(checkout: Path, machine: Machine, undone: list[Fault], fault: Fault) -> None:
    undone.append(fault)
    shell(machine, fault.where, fault.do)
    began = time.monotonic()
    done = inv(checkout, *fault.task, environment=fault.environment, seconds=fault.seconds + 60)
    assert time.monotonic() - began < fault.seconds
    assert done.returncode == fault.exit, done.stdout
    assert fault.says in done.stdout, done.stdout
    assert "Traceback" not in done.stdout
    if fault.exit == 3:
        assert "✓ HOLDS  demo" not in done.stdout


def test_no_mirror_for_the_base(checkout: Path, machine: Machine, tmp_path: Path) -> None:
    """A base is to be built and no package mirror answers: said in time, and nothing half-made left."""
    recipe = checkout / "packer" / "guest" / "packages"
    kept = recipe.read_text()
    # Nobody listens on port 1 of loopback: a refusal, as from a mirror that is down.
    away = (("http_proxy", "http://127.0.0.1:1"), ("https_proxy", "http://127.0.0.1:1"))
    recipe.write_text(kept + "hello\n")
    try:
        # Others of this machine may build bases meanwhile: this one's is to leave nothing.
        digest = base.current(checkout).digest
        done = inv(checkout, "sandbox.box", environment=away, seconds=300)
    finally:
        recipe.write_text(kept)
    assert done.returncode == 3, done.stdout
    assert "the sandbox's base could not be built" in done.stdout
    assert "./inv sandbox.box" in done.stdout
    assert not list((base.STORE / "bases").glob(f"{digest}*"))
