"""More machines than two, by `machines:` in the settings: made by one Vagrant, each with what is its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostonly.site import MachineSpec, Site
from tests.integration import ruin
from tests.integration.command_line import inside, inv
from tests.integration.held import StandIns
from tests.integration.test_by_hand import vagrant
from tests.integration.test_isolation import memory_limit

MEMORY = 640  # MiB, other than the first machine's.


@pytest.fixture
def three(
    site: Site, settled: Callable[[], Site], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Site]:
    """The copy's site with a third machine ``db``, by a further file of settings; none is there afterwards."""
    address = site.machine("sandbox2").host_only.address.ip + 5
    given = tmp_path / "further.yaml"
    given.write_text(f"machines:\n  db: {{address: '{address}', memory: {MEMORY}}}\n")
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", str(given))
    three = settled()
    assert three.names == ["sandbox", "sandbox2", "db"]
    assert inv("sandbox.destroy").returncode == 0
    try:
        yield three
    finally:
        # The tests after this one know nothing of it.
        if inv("sandbox.destroy").returncode != 0:
            ruin.clear(three)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file in which each call of Vagrant is a line."""
    told = tmp_path / "calls"
    does = f'echo "$*" >>\'{told}\'; exec "$real" "$@"'
    monkeypatch.setenv("PATH", StandIns(tmp_path / "bin", {"vagrant": does}).path)
    return told


def states() -> dict[str, str]:
    """What `sandbox.status` says of each machine."""
    machines = json.loads(inv("sandbox.status", "--json").stdout)["machines"]
    return {each["machine"]: each["state"] for each in machines}


def assert_links_are_its_own(machine: MachineSpec) -> None:
    for link in (machine.nat, machine.host_only):
        (shown,) = json.loads(
            inside(machine.name, "ip", "-json", "-4", "address", "show", link.name)
        )
        (address,) = shown["addr_info"]
        assert f"{address['local']}/{address['prefixlen']}" == str(link.address)
        assert (
            inside(machine.name, "cat", f"/sys/class/net/{link.name}/address").strip() == link.mac
        )


def test_a_third_machine_by_one_vagrant(
    three: Site, checkout: Path, calls: Path, stand_in_for_inv: None
) -> None:
    db = three.machine("db")
    done = inv("sandbox.up", "--machines", "sandbox,db")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:3] for line in calls.read_text().splitlines()] == [
        ["up", "sandbox", "db"]
    ]
    assert states() == {"sandbox": "running", "sandbox2": "not_created", "db": "running"}
    (line,) = (x for x in inv("sandbox.status").stdout.splitlines() if x.startswith("db "))
    assert "running" in line and db.address in line

    assert inside("db", "hostname").strip() == "db"
    assert inside("db", "docker", "info", "--format", "{{.Driver}}").strip() == "overlay2"
    for machine in (three.sandbox, db):
        assert_links_are_its_own(machine)
    sizes = {
        name: int(memory_limit(f"lxc.payload.{three.machine(name).instance}").read_text())
        for name in ("sandbox", "db")
    }
    assert sizes == {"sandbox": three.sandbox.memory << 20, "db": MEMORY << 20}
    # It knows the first one's registry, as engines know one: by the authority of its certificate.
    registry = f"{three.sandbox.address}:{three.registry_port}"
    authority = f"/etc/docker/certs.d/{registry}/ca.crt"
    inside("db", "curl", "-sSf", "--cacert", authority, f"https://{registry}/v2/")
    # Our table lets it out under its own address, and this machine answers it.
    inside("db", "ping", "-c", "1", "-W", "5", str(three.nat.address.ip))

    done = inv("sandbox.up", "--machines", "db,sandbox")
    assert done.returncode == 0 and len(calls.read_text().splitlines()) == 1, done.stderr

    assert ",db,state,running" in vagrant(checkout, "status", "--machine-readable").stdout
    calls.unlink()
    done = inv("sandbox.destroy")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:3] for line in calls.read_text().splitlines()] == [
        ["destroy", "sandbox", "db"]
    ]
    assert set(states().values()) == {"not_created"}
    assert not db.folder.exists() and not Path("/var/lib/lxc", db.instance).exists()
    left = inv("check.leftovers")
    assert left.returncode == 0, left.stdout


def test_the_last_one_keeps_the_hosts_side(three: Site) -> None:
    """The bridges stay for as long as one of the machines is there, whichever."""
    assert inv("sandbox.up", "--machines", "sandbox,db").returncode == 0
    assert inv("sandbox.destroy", "--machine", "sandbox").returncode == 0
    assert states()["db"] == "running"
    assert inside("db", "hostname").strip() == "db"
    assert inv("check.isolation", "--machine", "db").returncode == 0
    assert inv("sandbox.halt", "--machine", "db").returncode == 0
    assert Path("/sys/class/net", three.bridge.name).exists()
    assert inv("sandbox.destroy", "--machine", "db").returncode == 0
    assert not Path("/sys/class/net", three.bridge.name).exists()
    left = inv("check.leftovers")
    assert left.returncode == 0, left.stdout


def test_one_that_was_taken_out_of_the_settings_goes_with_the_others(
    three: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inv("sandbox.up", "--machine", "db").returncode == 0
    with monkeypatch.context() as without:
        without.delenv("INVOKE_RUNTIME_CONFIG")
        # It has something here: nothing of the host's side goes from under it.
        assert inv("sandbox.destroy", "--machine", "sandbox").returncode == 0
        assert Path("/sys/class/net", three.bridge.name).exists()
        done = inv("sandbox.destroy")
    assert done.returncode == 0
    assert f"{three.machine('db').instance} is no machine of the settings any more" in done.stderr
    assert not Path("/sys/class/net", three.bridge.name).exists()
    assert inv("check.leftovers").returncode == 0


def test_as_many_as_are_counted(site: Site, calls: Path) -> None:
    assert inv("sandbox.destroy").returncode == 0
    calls.unlink(missing_ok=True)
    for _ in range(2):
        done = inv("sandbox.up", "--count", "2")
        assert done.returncode == 0, done.stderr
        for machine in site.machines:
            assert f"{machine.name} is up at {machine.address}" in done.stderr
    assert [line.split()[:3] for line in calls.read_text().splitlines()] == [
        ["up", "sandbox", "sandbox2"]
    ]
    assert states() == {"sandbox": "running", "sandbox2": "running"}


def test_more_than_there_are_is_refused(site: Site, calls: Path) -> None:
    refused = inv("sandbox.up", "--count", "9")
    assert refused.returncode == 2
    assert "--count: 9 is not allowed: 1 to 2" in refused.stderr
    assert "machines:" in refused.stderr
    assert not calls.exists()
