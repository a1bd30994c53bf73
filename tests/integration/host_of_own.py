"""A network that stands for that of a whole host, on which sandboxes and a Docker engine are as usual.

A network namespace is another host to the kernel: its own links, routes, firewall tables and switches.
All else is the machine's. Only what `/sys` says of links has to follow (LXC takes a bridge that it does
not find there for one of Open vSwitch's), so that a mount namespace shows it the right ones.
"""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hostonly.waiting import until
from tests.integration.command_line import INV

SECONDS = 20.0
# Behind the host, on its other side (TEST-NET-3, RFC 5737; the outsiders of our checks are in TEST-NET-2).
WORLD, GATEWAY, UPLINK = "203.0.113.2", "203.0.113.1", "uplink"
# The machine's own /sys but for its links. The new one must stay to be seen as a whole: the kernel mounts
# none in a container where nobody sees all of it.
_SYSFS = """\
mount -t sysfs sysfs "$0" || exit
for links in class/net devices/virtual/net; do
    mount --bind "$0/$links" "/sys/$links" || exit
done
"""
_READY = "ip link set lo up && echo made && exec cat"


@dataclass(frozen=True)
class HostOfOwn:
    """``holder`` is the process that it lasts as long as."""

    holder: int

    @property
    def entered(self) -> list[str]:
        """What a command is run there by."""
        return ["nsenter", f"--target={self.holder}", "--net", "--mount", "--"]

    def run(
        self, *argv: str, cwd: Path | None = None, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` there, in the folder ``cwd``."""
        # To enter a mount namespace is to be at its root.
        at = ["env", f"--chdir={cwd}"] if cwd is not None else []
        done = subprocess.run(
            [*self.entered, *at, *argv],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        # pytest shows it where a test fails.
        sys.stderr.write(f"{' '.join(argv)} -> {done.returncode}\n{done.stderr}")
        return done

    def must(self, *argv: str) -> str:
        """The same, which must succeed; what it printed."""
        done = self.run(*argv)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def inv(
        self, checkout: Path, *words: str, timeout: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `./inv` of ``checkout`` with ``words`` there."""
        return self.run(*INV, *words, cwd=checkout, timeout=timeout)

    def did(self, checkout: Path, *words: str) -> str:
        """The same, which must succeed; what it printed."""
        done = self.inv(checkout, *words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def forward(self, program: str = "iptables") -> list[str]:
        """Its FORWARD chain, as ``program`` prints it."""
        return self.must(program, "-w", "5", "-S", "FORWARD").splitlines()

    def processes(self) -> list[int]:
        """What runs there, the holder apart."""
        its, found = Path(f"/proc/{self.holder}/ns/net").readlink(), []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "ns/net").readlink() == its and int(folder.name) != self.holder:
                    found.append(int(folder.name))
            except OSError:
                continue
        return found


@contextmanager
def host_of_own(folder: Path) -> Iterator[HostOfOwn]:
    """Such a host, with a default route to `WORLD`, for as long as the context lasts.

    ``folder`` is an empty one, for its use. The host forwards nothing but what comes in by its uplink, and whatever still runs there at the end is killed.
    """
    with _holder(["--mount"], _SYSFS + _READY, str(folder)) as pid:
        host = HostOfOwn(pid)
        try:
            with _holder([], _READY) as world:
                _join(host, world)
                yield host
        finally:
            for process in host.processes():
                # One that was seen may be gone.
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


@contextmanager
def _holder(flags: list[str], script: str, *words: str) -> Iterator[int]:
    """A process in a network namespace of its own that has run ``script`` with ``words``, and then
    waits for its input, so that it ends with us whatever becomes of us."""
    process = subprocess.Popen(
        ["unshare", "--net", *flags, "sh", "-c", script, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == "made\n", "no network namespace here"
        yield process.pid
    finally:
        process.stdin.close()
        process.wait(SECONDS)
        process.stdout.close()


def _join(host: HostOfOwn, world: int) -> None:
    """The host's way out: to the namespace of the process ``world``."""
    host.must("sysctl", "-qw", "net.ipv4.ip_forward=0")
    host.must(*f"ip link add {UPLINK} type veth peer name eth0 netns {world}".split())
    host.must(*f"ip address add {GATEWAY}/30 dev {UPLINK}".split())
    host.must(*f"ip link set {UPLINK} up".split())
    there = ["nsenter", f"--target={world}", "--net", "--"]
    for line in (f"address add {WORLD}/30 dev eth0", "link set eth0 up"):
        subprocess.run([*there, "ip", *line.split()], check=True, timeout=SECONDS)
    host.must(*f"ip route add default via {WORLD}".split())
    # On already, so that nothing of it is noted where the machine's own uplinks are.
    host.must("sysctl", "-qw", f"net/ipv4/conf/{UPLINK}/forwarding=1")
    # What all checkouts of the machine share stays, as if another one had its sandboxes here: they
    # may have, where this host cannot see them.
    host.must(*["ip", "link", "add", "hostonlyelse", "type", "bridge"])
    host.must(*["ip", "link", "set", "hostonlyelse", "alias"], "hostonly on the machine itself")


def settled(found: HostOfOwn, seconds: float = SECONDS) -> list[int]:
    """What still runs on the host after ``seconds``; as soon as nothing does, nothing."""
    return until(found.processes, operator.not_, seconds)
