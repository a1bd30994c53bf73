"""Sandbox to sandbox, and out to the world, where the host's Docker set FORWARD to DROP, in a network namespace that stands
for such a host: the chain, the switches of the bridge's netfilter and our own table are real.

The switches belong to a network namespace each since Linux 5.3; before that, and where the kernel has
no br_netfilter, this cannot be shown without touching the machine's own, and is skipped.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from hostonly.process import as_root
from hostonly.site import ETH0, Site, mac

BRIDGE, NAT, PORT = "ho-test", "ho-test-nat", "8080"
SWITCH = "/proc/sys/net/bridge/bridge-nf-call-{}"
# Of sandbox 1, as the project's own settings have it.
SANDBOX = IPv4Address("172.16.0.2")
ADDRESSES = {"iptables": "172.16.0.3", "ip6tables": "fd68:6f73:7402::3"}
# Behind the host, on its other side (TEST-NET-2, RFC 5737).
WORLD, UPLINK = "198.51.100.2", "198.51.100.1"
NAT_HOST, NAT_SANDBOX = "10.203.0.1", "10.203.0.2"


@dataclass(frozen=True)
class HostOfOwn:
    """The namespace that stands for the host; the sandboxes are two more, on its bridge."""

    name: str

    def sandbox(self, number: int) -> str:
        """The namespace of sandbox 1 or 2."""
        return f"{self.name}-{number}"

    def run(self, *argv: str, at: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` there, or in the namespace ``at``."""
        entered = ["nsenter", f"--net=/run/netns/{at or self.name}", "--", *argv]
        return subprocess.run(
            as_root(entered), capture_output=True, text=True, timeout=30, check=False
        )

    def must(self, *argv: str, at: str | None = None) -> str:
        """The same, which must succeed; what it printed."""
        done = self.run(*argv, at=at)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def ours(self, statement: str) -> str:
        """Run a statement of Python with our own modules there."""
        modules = "from hostonly.host import bridge_netfilter, firewall; from pathlib import Path; "
        modules += "from hostonly import settings; "
        return self.must(
            "env", f"PYTHONPATH={':'.join(sys.path)}", sys.executable, "-c", modules + statement
        )

    def reaches(self, address: str, at: str) -> bool:
        """Whether sandbox 1 reaches ``address``, which the namespace ``at`` has."""
        # Who listens is there once, for one connection.
        server = subprocess.Popen(
            as_root(
                [
                    *("nsenter", f"--net=/run/netns/{at}", "--"),
                    *("timeout", "60", "nc", "-nlvN", address, PORT),
                ]
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stderr is not None
            assert "Listening" in server.stderr.readline()
            said = self.run("nc", "-nvz", "-w", "2", address, PORT, at=self.sandbox(1))
            assert "succeeded" in said.stderr or "timed out" in said.stderr, said.stderr
            return said.returncode == 0
        finally:
            server.terminate()
            server.communicate()

    def meets(self, program: str) -> bool:
        """Whether sandbox 1 reaches sandbox 2, by the version of IP that ``program`` filters."""
        return self.reaches(ADDRESSES[program], self.sandbox(2))

    def gets_out(self) -> bool:
        """Whether sandbox 1 reaches the world, under the host's address."""
        return self.reaches(WORLD, self.world)

    @property
    def world(self) -> str:
        """The namespace of what is behind the host."""
        return f"{self.name}-world"

    def link(self, name: str, inside: str, at: str, address: str) -> None:
        """A link ``name`` to the namespace ``at``, called ``inside`` there, where it has ``address``."""
        self.must("ip", "link", "add", name, "type", "veth", "peer", "name", inside, "netns", at)
        self.must("ip", "link", "set", name, "up")
        self.must("ip", "address", "add", address, "dev", inside, at=at)
        self.must("ip", "link", "set", inside, "up", at=at)


def _switches_are_its_own(host: HostOfOwn) -> bool:
    """Whether a bridge's switches in the namespace are others than the machine's."""
    switch = Path(SWITCH.format("iptables"))
    here = switch.read_text()
    told = "0" if here.strip() == "1" else "1"
    host.must("sh", "-c", f"echo {told} > {switch}")
    if switch.read_text() == here:
        return True
    switch.write_text(here)
    return False


@pytest.fixture
def host(site: Site) -> Iterator[HostOfOwn]:
    if not Path(SWITCH.format("iptables")).exists():
        subprocess.run(as_root(["modprobe", "br_netfilter"]), capture_output=True, check=False)
    if not Path(SWITCH.format("iptables")).exists():
        pytest.skip("this kernel has no br_netfilter (CONFIG_BRIDGE_NETFILTER)")
    host = HostOfOwn(f"{site.name}-netfilter")
    names = [host.name, host.sandbox(1), host.sandbox(2), host.world]

    def remove() -> None:
        for name in names:
            if Path("/run/netns", name).exists():
                subprocess.run(as_root(["ip", "netns", "delete", name]), check=True)

    remove()
    try:
        for name in names:
            subprocess.run(as_root(["ip", "netns", "add", name]), check=True)
        if not _switches_are_its_own(host):
            pytest.skip(
                "bridge-nf-call-iptables is the whole machine's on this kernel (before 5.3)"
            )
        for bridge in (BRIDGE, NAT):
            host.must("ip", "link", "add", bridge, "type", "bridge")
            host.must("ip", "link", "set", bridge, "up")
        for number, last in ((1, 2), (2, 3)):
            inside = host.sandbox(number)
            host.link(f"port{number}", "eth1", inside, f"172.16.0.{last}/24")
            host.must("ip", "link", "set", f"port{number}", "master", BRIDGE)
            six = f"fd68:6f73:7402::{last}/64"
            host.must("ip", "address", "add", six, "dev", "eth1", "nodad", at=inside)
        host.link("nat1", "eth0", host.sandbox(1), f"{NAT_SANDBOX}/24")
        host.must("ip", "link", "set", "nat1", "master", NAT)
        # Our table lets nobody else out by that bridge.
        own = mac(SANDBOX, ETH0)
        host.must("ip", "link", "set", "eth0", "address", own, at=host.sandbox(1))
        host.must("ip", "address", "add", f"{NAT_HOST}/24", "dev", NAT)
        host.must("ip", "route", "add", "default", "via", NAT_HOST, at=host.sandbox(1))
        host.link("uplink", "eth0", host.world, f"{WORLD}/30")
        host.must("ip", "address", "add", f"{UPLINK}/30", "dev", "uplink")
        host.must("sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield host
    finally:
        remove()


@pytest.mark.parametrize("program", ["iptables", "ip6tables"])
def test_sandboxes_meet_where_forward_drops(
    host: HostOfOwn, program: str, checkout: Path, site: Site
) -> None:
    read = f"at = settings.read(Path({str(checkout / 'invoke.yaml')!r})); "
    net = "from ipaddress import IPv4Interface; net = at.network.model_copy(update={"
    net += (
        f"'bridge': {BRIDGE!r}, 'nat_bridge': {NAT!r}, 'nat': IPv4Interface('{NAT_HOST}/24')}}); "
    )
    at = "at = settings.settle(at.model_copy(update={'network': net})); "
    host.ours(f"{read}{net}{at}firewall.apply(firewall.table(at))")
    host.must("sh", "-c", f"echo 1 > {SWITCH.format(program)}")
    assert host.meets(program) and host.gets_out(), "without Docker's policy they must"

    # What dockerd does to a host that did not forward before.
    host.must(program, "-P", "FORWARD", "DROP")
    before = host.must(program, "-S")
    out = program == "ip6tables"  # NAT is for IPv4.
    assert not host.meets(program), "this is what is to be undone"
    assert host.gets_out() == out

    accept, remove = (f"{verb}({BRIDGE!r}, {NAT!r})" for verb in ("accept", "remove"))
    assert host.ours(f"print(bridge_netfilter.{accept})") == "True\n"
    assert host.meets(program) and host.gets_out()
    # Once is enough, also as iptables itself prints the rules; one that is gone comes back.
    assert host.ours(f"print(bridge_netfilter.{accept})") == "False\n"
    host.must(program, "-D", "FORWARD", "1")
    assert host.ours(f"print(bridge_netfilter.{accept})") == "True\n"
    assert host.meets(program) and host.gets_out()

    assert host.ours(f"print(bridge_netfilter.{remove})") == "True\n"
    assert host.must(program, "-S") == before
    assert not host.meets(program) and host.gets_out() == out
