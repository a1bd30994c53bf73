"""What a sandbox holds after `halt` and `up`, what its engine stores it with, and what it takes."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.errors import Unreachable
from hostonly.events import Event, Started, Warned, ignore
from hostonly.host.command import run
from hostonly.providers.lxc.container import LxcContainer
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.vantages import Sandbox
from hostonly.waiting import until

# An image of the sandbox's own shell, so that nothing needs to be built or fetched.
IMPORT = (
    "files=$(for p in sh sleep cat; do readlink -f $(command -v $p); ldd $(command -v $p)"
    " | grep -o '/[^ ]*'; done | sort -u); cp --parents -L -t $(mktemp -d /tmp/tiny.XXXX) $files"
    " /bin/sh /bin/sleep /bin/cat; tar -C /tmp/tiny.* -c . | docker import - tiny; rm -r /tmp/tiny.*"
)


@pytest.fixture
def machine(site: Site) -> Iterator[Machine]:
    machine = Machine(site, ignore)
    life.up([machine])
    try:
        yield machine
    finally:
        life.destroy([machine])


def ran(vantage: Sandbox, line: str) -> str:
    result = vantage.run(["sh", "-c", line], timeout=60)
    assert result.ok, result.output
    return result.stdout.strip()


def test_volumes_and_containers_are_back(machine: Machine) -> None:
    with machine.vantage() as vantage:
        assert ran(vantage, "docker info --format {{.Driver}}") == "overlay2"
        ran(vantage, IMPORT)
        ran(vantage, "docker volume create kept")
        ran(vantage, "docker run --rm -v kept:/v tiny sh -c 'echo written >/v/file'")
        ran(vantage, "docker run -d --name comes --restart unless-stopped tiny sleep 1000")
        ran(vantage, "docker run -d --name stays tiny sh -c 'echo said; sleep 1000'")
        ran(vantage, "docker tag tiny localhost:5000/tiny && docker push localhost:5000/tiny")
        ran(vantage, "docker rmi localhost:5000/tiny")
        began = ran(vantage, "docker inspect --format '{{.State.StartedAt}}' comes")
    life.halt(machine)
    life.up([machine])
    with machine.vantage() as vantage:
        assert ran(vantage, "docker run --rm -v kept:/v tiny cat /v/file") == "written"
        assert ran(vantage, "docker inspect --format '{{.State.Running}}' comes") == "true"
        assert ran(vantage, "docker inspect --format '{{.State.StartedAt}}' comes") != began
        assert ran(vantage, "docker inspect --format '{{.State.Status}}' stays") == "exited"
        assert ran(vantage, "docker logs stays") == "said"
        assert "tiny" in ran(vantage, "docker pull localhost:5000/tiny")
        # It was a clean end: systemd had stopped the engine, and the journal says so.
        assert "Stopped docker.service" in ran(vantage, "sudo journalctl -b -1 -u docker -o cat")


@pytest.mark.parametrize("ends", [True, pytest.param(False, marks=pytest.mark.long)])
def test_up_of_one_that_is_shutting_down(machine: Machine, ends: bool) -> None:
    """As after `sudo poweroff` in it; what ends within the time ends by itself."""
    with machine.vantage() as vantage:
        # It lasts until it is let go.
        stop = "/bin/sh -c 'until [ -e /run/go ]; do sleep .1; done'"
        unit = f'-p ExecStop="{stop}" -p TimeoutStopSec=600 sleep 1000'
        ran(vantage, f"sudo systemd-run --unit slow {unit}")
        # It may take our connection with it at once.
        with contextlib.suppress(Unreachable):
            ran(vantage, "sudo systemctl --no-block poweroff")
    before = machine.provider.boot()
    assert until(LxcContainer(machine.site, machine.spec)._is_shutting_down, bool, 60.0)
    told: list[Event] = []

    def tell(event: Event) -> None:
        told.append(event)
        if ends and isinstance(event, Started) and "which is shutting down" in event.what:
            run(
                ["lxc-attach", "--name", machine.spec.instance, "--", "touch", "/run/go"], root=True
            )

    life.up([Machine(machine.site, tell)])
    assert machine.provider.boot() != before
    assert any(
        "which is shutting down" in event.what for event in told if isinstance(event, Started)
    )
    forced = [event for event in told if isinstance(event, Warned)]
    assert ("ended by force" in str(forced)) != ends


def test_a_sandbox_takes_little_room(machine: Machine, site: Site) -> None:
    second = Machine(site, ignore, "sandbox2")
    life.up([second])
    try:
        for each in (machine, second):
            said = subprocess.run(
                ["du", "-sxm", str(Path("/var/lib/lxc", each.spec.instance))],
                capture_output=True,
                text=True,
                check=False,
            )
            assert int(said.stdout.split()[0]) < 60
    finally:
        life.destroy([second])
