"""Sandboxes beside the user's own Docker, with its firewall rules: a real dockerd, on a network of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.host.forward_chain import COMMENT
from hostonly.site import Site
from tests.integration.command_line import inv
from tests.integration.host_engine import host_engine
from tests.integration.host_of_own import WORLD, HostOfOwn, host_of_own, settled

pytestmark = [pytest.mark.long, pytest.mark.needs("iptables")]

SWITCHES = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")
DROPS = "-P FORWARD DROP"


@pytest.fixture
def host(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostOfOwn]:
    if os.geteuid() != 0:
        pytest.skip("only root starts an engine on this machine")
    if not Path("/proc/sys/net/bridge", SWITCHES[0]).exists():
        pytest.skip("this kernel has no br_netfilter (CONFIG_BRIDGE_NETFILTER)")
    # What there is on the machine itself has the same names.
    assert inv("sandbox.destroy").returncode == 0
    with host_of_own(tmp_path_factory.mktemp("sys")) as made:
        try:
            if made.run("test", "-e", f"/proc/sys/net/bridge/{SWITCHES[0]}").returncode != 0:
                pytest.skip("br_netfilter's switches are the machine's on this kernel (before 5.3)")
            for switch in SWITCHES:
                made.must("sysctl", "-qw", f"net.bridge.{switch}=1")
            yield made
        finally:
            made.inv(checkout, "sandbox.destroy")
    assert not list(Path("/var/lib/lxc").glob(f"{os.environ['INVOKE_SANDBOX_NAME']}-*"))


def meets(host: HostOfOwn, checkout: Path, site: Site) -> bool:
    """Whether the first sandbox reaches the second one's registry."""
    url = f"http://{site.machine('sandbox2').address}:{site.registry_port}/v2/"
    asked = ["curl", "-sS", "-o", "/dev/null", "-m", "3", url]
    done = host.inv(checkout, "sandbox.exec", "--", *asked)
    assert done.returncode in (0, 28), "neither answered nor silent"
    return done.returncode == 0


def gets_out(host: HostOfOwn, checkout: Path) -> bool:
    """Whether the first sandbox reaches what is behind the host."""
    done = host.inv(checkout, "sandbox.exec", "--", "ping", "-c", "2", "-W", "2", WORLD)
    assert done.returncode in (0, 1)
    return done.returncode == 0


def up(host: HostOfOwn, checkout: Path) -> None:
    for machine in ("sandbox", "sandbox2"):
        host.did(checkout, "sandbox.up", "--machine", machine)


def assert_all_is_well(host: HostOfOwn, checkout: Path, site: Site) -> None:
    assert meets(host, checkout, site) and gets_out(host, checkout)
    host.did(checkout, "check.host-to-sandbox")
    host.did(checkout, "check.host-only")


def destroyed(host: HostOfOwn, checkout: Path) -> None:
    """Destroy both, and see that nothing of ours is left there, and Docker as it was."""
    host.did(checkout, "sandbox.destroy")
    assert not [rule for rule in host.forward() if COMMENT in rule]
    host.did(checkout, "check.leftovers")


def test_docker_was_there_before(
    host: HostOfOwn, checkout: Path, site: Site, tmp_path: Path
) -> None:
    with host_engine(tmp_path, host):
        before = host.forward()
        assert DROPS in before
        up(host, checkout)
        assert_all_is_well(host, checkout, site)
        # It is our rules by which they pass.
        for rule in [rule for rule in host.forward() if COMMENT in rule]:
            host.must("iptables", "-w", "5", "-D", *rule.replace('"', "").split()[1:])
        assert not meets(host, checkout, site) and not gets_out(host, checkout)
        up(host, checkout)
        assert meets(host, checkout, site) and gets_out(host, checkout)
        destroyed(host, checkout)
        assert host.forward() == before
    assert not settled(host)


def test_docker_is_started_and_restarted_beside_sandboxes(
    host: HostOfOwn, checkout: Path, site: Site, tmp_path: Path
) -> None:
    up(host, checkout)
    assert "-P FORWARD ACCEPT" in host.forward()
    assert meets(host, checkout, site) and gets_out(host, checkout)
    with host_engine(tmp_path, host):
        assert DROPS in host.forward()
        assert not meets(host, checkout, site), "this is what is to be undone"
        up(host, checkout)
        assert_all_is_well(host, checkout, site)
    # Its rules and its policy stay; it makes them again.
    with host_engine(tmp_path, host):
        assert DROPS in host.forward()
        assert_all_is_well(host, checkout, site)
        destroyed(host, checkout)
    assert not settled(host)
