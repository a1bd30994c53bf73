"""Modules of a real kernel: loaded for a sandbox, without a change for this machine's own bridges, and
unloaded after the last."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hostonly.host import modules, switches
from hostonly.host.modules import BRIDGES, LINKS, MODULES
from hostonly.process import as_root
from hostonly.site import MODULES as JOURNAL
from tests.integration.command_line import did, inside, told

pytestmark = pytest.mark.alone

KEPT_OUT = Path("/etc/modprobe.d/hostonly-test.conf")


def loaded() -> set[str]:
    """All modules that are loaded."""
    return {line.split()[0] for line in Path("/proc/modules").read_text().splitlines()}


def here() -> set[str | None]:
    """The values that br_netfilter's switches have on this machine; None where there are none."""
    return {switches.value(name) for name in modules.SWITCHES}


def there() -> set[str]:
    """The same in the sandbox."""
    return set(inside("sandbox", "sysctl", "-n", *modules.SWITCHES).split())


@pytest.fixture
def before(checkout: Path) -> Iterator[set[str]]:
    did("sandbox.destroy")
    if JOURNAL.exists():
        pytest.skip("another checkout's sandbox has modules loaded")
    if modules.loaded(BRIDGES):
        pytest.skip("br_netfilter is loaded on this machine, by somebody else")
    if BRIDGES not in modules._loadable([BRIDGES]):
        pytest.skip("this machine's kernel has br_netfilter built in, or lacks it")
    yield loaded()
    did("sandbox.destroy")


@contextmanager
def kept_out(name: str) -> Iterator[None]:
    """The user lets nobody load the module ``name``."""
    tee = as_root(["tee", str(KEPT_OUT)])
    subprocess.run(tee, input=f"install {name} /bin/false\n", text=True, check=True, timeout=20)
    try:
        yield
    finally:
        subprocess.run(as_root(["rm", str(KEPT_OUT)]), check=True, timeout=20)


def test_loaded_while_there_is_a_sandbox(before: set[str]) -> None:
    assert "kernel modules that sandboxes need: " in told("sandbox.up")
    ours = loaded() & (set(MODULES) - before)
    assert BRIDGES in ours
    assert here() == {"0"} and there() == {"1"}
    assert "kernel modules" not in told("sandbox.up")
    # Somebody unloads one under a sandbox that runs.
    subprocess.run(as_root(["rmmod", BRIDGES]), check=True, timeout=20)
    assert f"kernel modules that sandboxes need: {BRIDGES}" in told("sandbox.up")
    assert here() == {"0"} and there() == {"1"}
    did("sandbox.destroy")
    assert loaded() & ours <= set(LINKS)
    assert here() == {None} and not JOURNAL.exists()
    did("check.leftovers")


def test_what_somebody_counts_on_meanwhile_stays(before: set[str]) -> None:
    did("sandbox.up")
    switch = modules.SWITCHES[0]
    switches.write({switch: "1"})
    did("sandbox.up")
    did("sandbox.destroy")
    try:
        assert switches.value(switch) == "1"
        did("check.leftovers")
    finally:
        subprocess.run(as_root(["rmmod", BRIDGES]), check=True, timeout=20)


def test_what_is_kept_out_stays_out(before: set[str]) -> None:
    """And what needs it says so: test_demo_overlay.py, by a sandbox that has it not."""
    with kept_out(BRIDGES):
        assert BRIDGES not in told("sandbox.up")
        assert here() == {None}
        inside("sandbox", "test", "!", "-e", f"/proc/sys/{modules.SWITCHES[0]}")
    assert f"kernel modules that sandboxes need: {BRIDGES}" in told("sandbox.up")
    assert here() == {"0"} and there() == {"1"}
