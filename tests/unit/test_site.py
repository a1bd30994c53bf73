"""What the settings come to: every name, address, MAC and folder, derived in one place."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from hostonly.errors import HostonlyError
from hostonly.settings import read, settle
from hostonly.site import BRIDGE, ETH0, ETH1, ROOT, Link, Site, box_name, mac, of_json
from tests.unit.sites import DB, at, settled

HERE = Path("/home/ada/check out")


@pytest.fixture
def three(tmp_path: Path) -> Site:
    """A checkout of three machines, the third of which is none like the others."""
    return at(settled(machines={"db": DB}), HERE)


def test_what_is_the_checkouts(three: Site) -> None:
    assert (three.root, three.state, three.name) == (HERE, HERE / ".hostonly", "hostonly")
    assert three.temporary.startswith("hostonly-") and three.temporary.endswith("-")
    assert three.temporary != at(three, Path("/home/ada/other")).temporary
    assert three.login_key == HERE / ".hostonly" / "ssh" / "id_ed25519"
    assert three.known_hosts == HERE / ".hostonly" / "ssh" / "known_hosts"
    assert (three.hello_port, three.registry_port, three.patience) == (8080, 5000, 1)
    image = three.image
    assert (image.name, image.base, image.python_base) == ("hello-socket", "", "")


def test_its_bridges_have_a_mark_and_macs_of_their_own(three: Site) -> None:
    assert three.bridges == (three.bridge, three.nat)
    assert [(b.name, str(b.address), b.mac, b.mark) for b in three.bridges] == [
        ("hostonly0", "172.16.0.1/24", "0e:02:ac:10:00:01", f"hostonly {HERE}"),
        ("hostonlynat0", "10.203.16.1/24", "0e:02:0a:cb:10:01", f"hostonly {HERE}"),
    ]
    assert str(three.bridge.network) == "172.16.0.0/24"


def test_its_first_machine_is_the_one_that_is_meant(three: Site) -> None:
    assert three.names == ["sandbox", "sandbox2", "db"]
    assert three.sandbox is three.machine("sandbox") is three.machines[0]
    with pytest.raises(KeyError):
        three.machine("web")
    assert [str(address) for address in three.addresses] == [
        f"172.16.0.{number}" for number in (1, 2, 3, 9)
    ]


def test_what_is_a_machines(three: Site, claims: Path) -> None:
    db = three.machine("db")
    assert (db.name, db.instance, db.address) == ("db", "hostonly-db", "172.16.0.9")
    assert (db.provider, db.engine, db.memory, db.cpus) == ("lxc", "20.10", 1024, 1)
    assert db.folder == claims / "hostonly-db"
    assert db.certificates == HERE / ".hostonly" / "registry" / "db"
    assert db.host_key == HERE / ".hostonly" / "ssh" / "db.host_ed25519"
    assert db.vagrant_id == HERE / ".vagrant" / "machines" / "db" / "lxc" / "id"
    assert db.box == box_name(ROOT, "lxc")
    # What is not said of it is said for all.
    assert (three.sandbox.memory, three.sandbox.cpus) == (2048, 2)


def test_each_has_the_macs_of_its_address_and_the_next_one_of_nat(three: Site) -> None:
    assert [machine.nat for machine in three.machines] == [
        Link(
            "eth0",
            "hostonlynat0",
            IPv4Interface(f"10.203.16.{number}/24"),
            f"0e:00:ac:10:00:{last}",
        )
        for number, last in ((2, "02"), (3, "03"), (4, "09"))
    ]
    assert [machine.host_only for machine in three.machines] == [
        Link("eth1", "hostonly0", IPv4Interface(f"172.16.0.{number}/24"), f"0e:01:ac:10:00:{last}")
        for number, last in ((2, "02"), (3, "03"), (9, "09"))
    ]


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (ETH0, "0e:00:0a:09:ff:10"),
        (ETH1, "0e:01:0a:09:ff:10"),
        (BRIDGE, "0e:02:0a:09:ff:10"),
    ],
)
def test_a_mac_is_locally_administered_and_of_one_station(end: int, text: str) -> None:
    assert mac(IPv4Address("10.9.255.16"), end) == text
    assert int(text[:2], 16) & 0b11 == 0b10


def test_ranges_of_other_sizes_are_the_links_too() -> None:
    site = settled(
        network={
            "host": "10.1.2.3/29",
            "sandbox": "10.1.2.1",
            "sandbox2": "10.1.2.6",
            "nat": "10.9.0.1/16",
        }
    )
    assert str(site.sandbox.host_only.address) == "10.1.2.1/29"
    assert str(site.machines[1].nat.address) == "10.9.0.3/16"


def test_a_section_of_the_first_ones_is_for_them_alone() -> None:
    site = settled(machines={"sandbox2": {"memory": 512, "cpus": 4}})
    assert [(machine.memory, machine.cpus) for machine in site.machines] == [(2048, 2), (512, 4)]
    assert site.names == ["sandbox", "sandbox2"] and site.machines[1].address == "172.16.0.3"


def test_the_box_is_named_by_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "packer" / "guest" / "lxc"
    folder.mkdir(parents=True)
    (folder / "lxc-config").write_text("one\n")
    before = box_name(tmp_path, "lxc")
    assert before.startswith("hostonly-") and before == box_name(tmp_path, "lxc")
    (folder / "lxc-config").write_text("two\n")
    assert box_name(tmp_path, "lxc") != before


def test_it_goes_through_json_and_back(three: Site) -> None:
    data = three.to_json()
    assert of_json(json.loads(json.dumps(data))) == three
    assert data["bridge"]["address"] == "172.16.0.1/24" and data["root"] == str(HERE)
    assert [machine["name"] for machine in data["machines"]] == three.names


@pytest.mark.parametrize("damage", ["gone", "more", "wrong"])
@pytest.mark.parametrize("key", ["machines", "bridge", "patience"])
def test_of_another_version_it_is_none(three: Site, key: str, damage: str) -> None:
    data = three.to_json()
    if damage == "gone":
        del data[key]
    elif damage == "more":
        data[f"{key}2"] = 1
    else:
        data[key] = [{"name": 7}]
    if (key, damage) == ("patience", "wrong"):
        return
    with pytest.raises((KeyError, TypeError, ValueError)):
        of_json(data)


def test_it_is_frozen(three: Site) -> None:
    with pytest.raises(FrozenInstanceError):
        three.name = "other"  # type: ignore[misc]


def test_a_checkout_without_the_recipe_says_so(tmp_path: Path) -> None:
    (tmp_path / "invoke.yaml").write_text((ROOT / "invoke.yaml").read_text())
    with pytest.raises(HostonlyError, match="the recipe of machines by lxc cannot be read"):
        settle(read(tmp_path / "invoke.yaml", tmp_path))
