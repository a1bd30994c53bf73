"""Faults: each ends within a bounded time, mended or with one paragraph, never with a false HOLDS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.host import firewall
from hostonly.providers.lxc import base, box
from hostonly.providers.lxc.container import LXC
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import STORE, Site
from tests.integration.command_line import inv
from tests.integration.faults import MENDED, SAID, Fault

pytestmark = pytest.mark.usefixtures("each_from_a_known_state")

PARAGRAPH = re.compile(
    r"^inv: (?P<what>.+)\n  run:  (?P<ran>.+)\n(?P<lines>(?:  \| .*\n)*)  next: (?P<next>.+)\n\Z",
    re.MULTILINE,
)


@pytest.fixture
def machine(site: Site) -> Machine:
    """The machine of the tests' checkout, up and with its image pushed."""
    it = Machine(site, lambda event: None)
    assert inv("image.push").returncode == 0
    return it


def filled(line: str, machine: Machine) -> str:
    """The line with this machine's names."""
    return line.format(
        container=machine.spec.instance,
        bridge=machine.site.bridge.name,
        address=machine.address,
        state=f"'{machine.site.state}'",
        root=f"'{machine.site.root}'",
        boxes=f"'{box.boxes()}'",
        box=machine.spec.box,
        table=firewall.table_name(machine.site.name),
    )


def shell(machine: Machine, where: str, line: str) -> None:
    """Run a line as root, in the sandbox by way of LXC (which needs no sshd) or on the host."""
    inside = ["lxc-attach", "--name", machine.spec.instance, "--"] if where == "sandbox" else []
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
    assert inv("sandbox.up").returncode == 0


FAULTS = [
    pytest.param(fault, id=fault.name, marks=[pytest.mark.alone] if fault.alone else [])
    for fault in (*MENDED, *SAID)
]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(machine: Machine, undone: list[Fault], fault: Fault) -> None:
    undone.append(fault)
    shell(machine, fault.where, fault.do)
    began = time.monotonic()
    done = inv(*fault.task, environment=dict(fault.environment), timeout=fault.seconds + 60)
    assert time.monotonic() - began < fault.seconds
    assert done.returncode == fault.exit, printed(done)
    assert fault.says in printed(done), printed(done)
    assert "Traceback" not in printed(done) and "bug in hostonly" not in printed(done)
    if fault.exit == 3:
        assert "✓ HOLDS  demo" not in printed(done)
        if not fault.judged:
            assert fault.next in paragraph(printed(done))["next"], printed(done)


def printed(done: subprocess.CompletedProcess[str]) -> str:
    """What a task has printed, its errors last."""
    return done.stdout + done.stderr


def paragraph(text: str) -> dict[str, str]:
    """What ``said`` says went wrong, at its end: what happened, what was run, its lines, what to do."""
    found = PARAGRAPH.search(text)
    assert found is not None, text
    return found.groupdict()


def test_no_mirror_for_the_base(checkout: Path, machine: Machine, tmp_path: Path) -> None:
    """A base is to be built and no package mirror answers: said in time, and nothing half-made left."""
    recipe = checkout / "packer" / "guest" / "packages"
    kept = recipe.read_text()
    # Nobody listens on port 1 of loopback: a refusal, as from a mirror that is down.
    away = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:1")
    recipe.write_text(kept + "hello\n")
    try:
        # Others of this machine may build bases meanwhile: this one's is to leave nothing.
        digest = base.current(checkout).digest
        done = inv("sandbox.box", environment=away, timeout=300)
    finally:
        recipe.write_text(kept)
    assert done.returncode == 3, printed(done)
    said = paragraph(printed(done))
    assert said["what"].startswith("the sandbox's base could not be built: mmdebstrap: the proxy")
    assert "http_proxy=http://127.0.0.1:1" in said["what"]
    assert "mmdebstrap" in said["ran"] and "127.0.0.1" in said["lines"]
    assert "env -u http_proxy -u https_proxy ./inv" in said["next"]
    assert not list((STORE / "bases").glob(f"{digest}*"))


def test_the_box_is_truncated(
    checkout: Path, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a disk that was full. Vagrant itself would neither add it again nor remove it."""
    # Others of this machine have their sandboxes from the user's own.
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path))
    life.destroy([machine])
    try:
        assert inv("sandbox.box").returncode == 0
        for file in (box.boxes() / machine.spec.box / "0" / "lxc").iterdir():
            os.truncate(file, file.stat().st_size // 2)
        done = inv("sandbox.up")
        assert done.returncode == 0, printed(done)
        assert "was damaged or added only half: adding it again" in printed(done)
        assert inv("sandbox.exec", "--", "true").returncode == 0
    finally:
        life.destroy([machine])


@pytest.mark.long
def test_the_whole_disk_is_full(machine: Machine, tmp_path: Path) -> None:
    """The sandbox's root and its engine's data, on a disk of their own that is full to the last byte."""
    life.destroy([machine])
    life.up([machine])
    life.halt(machine)
    place = LXC / machine.spec.instance
    small = "mount -t tmpfs -o size=80m,mode=711 hostonly '{0}' && cp -a '{1}/.' '{0}'"
    lines = f"cp -a '{place}' '{tmp_path}/kept' && " + small.format(place, tmp_path / "kept")
    subprocess.run(["sh", "-c", lines], check=True, timeout=60)
    fill = "! dd if=/dev/zero of=/fill bs=1M 2>/dev/null"
    try:
        life.up([machine])
        shell(machine, "sandbox", fill)
        began = time.monotonic()
        done = inv("demo.host")
        assert time.monotonic() - began < 240
        assert done.returncode == 3, printed(done)
        said = paragraph(printed(done))
        assert said["what"] == "the sandbox's engine has no room left"
        assert "docker system prune" in said["next"]
        # It can be looked at, started again and made room in all the same.
        for task in ("sandbox.up", "sandbox.halt", "sandbox.up"):
            done = inv(task)
            assert done.returncode == 0, printed(done)
        assert inv("sandbox.exec", "--", "sudo", "rm", "/fill").returncode == 0
        done = inv("check.host-to-sandbox")
        assert done.returncode == 0, printed(done)
    finally:
        life.halt(machine)
        subprocess.run(["umount", str(place)], check=True, timeout=20)
        life.destroy([machine])


# The clocks that only ever go forward are left alone, as they are where the date is set. By one of them
# Python sleeps, in a way that libfaketime 0.9 does not know.
CLOCK = ("faketime", "--exclude-monotonic", "-f")
SLEEP = """\
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


@pytest.fixture
def sleep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python sleeps by another call of the kernel's."""
    (tmp_path / "sitecustomize.py").write_text(SLEEP)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ['PYTHONPATH']}")


@pytest.mark.needs("faketime")
@pytest.mark.parametrize("jump", ["+1100d", pytest.param("-1100d", marks=pytest.mark.long)])
def test_the_clock_has_jumped(machine: Machine, sleep: None, jump: str) -> None:
    """By three years, for all that we start: what was noted is of long ago, or yet to come."""
    asked = [*CLOCK, jump, sys.executable, "-c", "import time; print(time.time())"]
    then = float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    assert abs(then - time.time()) > 1000 * 86400
    for task in ("sandbox.up", "demo.host", "check.host-to-sandbox", "sandbox.halt", "sandbox.up"):
        done = inv(task, before=(*CLOCK, jump))
        assert done.returncode == 0, printed(done)


@pytest.mark.long
@pytest.mark.needs("faketime")
def test_a_sandbox_of_the_future(machine: Machine, sleep: None) -> None:
    """Made when the clock was three years ahead: its certificates hold for nobody now, and the next has
    others. Whatever asks no certificate works."""
    life.destroy([machine])
    try:
        for task in ("sandbox.up", "image.push"):
            done = inv(task, before=(*CLOCK, "+1100d"))
            assert done.returncode == 0, printed(done)
        made = machine.site.state / "registry" / "sandbox" / "ca.crt"
        before = made.read_bytes()
        for task in ("sandbox.up", "image.push", "demo.host", "check.registry"):
            done = inv(task)
            assert done.returncode == 0, printed(done)
    finally:
        life.destroy([machine])
    life.up([machine])
    assert made.read_bytes() != before
    done = inv("check.leftovers")
    assert done.returncode == 0, printed(done)
