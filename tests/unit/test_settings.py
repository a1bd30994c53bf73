"""Every wrong setting is one line: the key, the value, what is allowed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config
from invoke.util import yaml

from hostonly import settings
from hostonly.errors import SettingsError
from hostonly.settings import Settings, settle
from hostonly.site import ROOT, Site
from tests.unit.sites import DB, settled

FILE: dict[str, Any] = yaml.safe_load((ROOT / "invoke.yaml").read_text())


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [settings.variable(key) for key in settings.dotted_names()]:
        monkeypatch.delenv(name, raising=False)


def changed(key: str, value: object) -> dict[str, Any]:
    data = copy.deepcopy(FILE)
    section, _, field = key.partition(".")
    if field:
        data[section][field] = value
    else:
        data[section] = value
    return data


def load(data: dict[str, Any]) -> Settings:
    config = Config()
    config._set(_project=data, _project_found=True, _project_path="invoke.yaml")
    config.merge()
    config.load_shell_env()
    return settings.load(config)


def test_the_file_of_the_checkout_is_right(site: Site) -> None:
    assert str(site.bridge.address) == "172.16.0.1/24"
    assert [machine.address for machine in site.machines] == ["172.16.0.2", "172.16.0.3"]
    assert (site.registry_port, site.hello_port) == (5000, 8080)
    assert site.image.name == "hello-socket"
    assert (site.sandbox.provider, site.sandbox.engine) == ("lxc", "20.10")
    assert site.state == ROOT / ".hostonly"


def test_it_has_the_shape_of_the_file() -> None:
    assert load(FILE).model_dump(mode="json") == FILE


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        # mypy refuses it too, as it should; here it is about who is not checked by mypy.
        load(FILE).registry.port = 1  # type: ignore[misc]


WRONG: list[tuple[str, object]] = [
    ("sandbox.provider", "docker"),
    ("sandbox.provider", "LXC"),
    ("sandbox.provider", "libvirt"),
    ("sandbox.provider", "virtualbox"),
    ("sandbox.provider", None),
    ("sandbox.engine", "26.1"),
    ("sandbox.engine", 20.10),
    ("sandbox.engine", None),
    ("sandbox.name", ""),
    ("sandbox.name", "a b"),
    ("sandbox.name", "a;reboot"),
    ("sandbox.name", "../x"),
    ("sandbox.name", "-x"),
    ("sandbox.name", "x-"),
    ("sandbox.name", "käse"),
    ("sandbox.name", "x\n"),
    ("sandbox.name", "x" * 41),
    ("sandbox.name", "x" * 10_000),
    ("sandbox.name", 7),
    ("sandbox.name", True),
    ("sandbox.memory", "2048"),
    ("sandbox.memory", 255),
    ("sandbox.memory", -1),
    ("sandbox.memory", 2048.5),
    ("sandbox.memory", True),
    ("sandbox.cpus", 0),
    ("sandbox.cpus", []),
    ("network.bridge", "docker0"),
    ("network.bridge", "lxcbr0"),
    ("network.bridge", "eth0"),
    ("network.bridge", "lo"),
    ("network.bridge", "0br"),
    ("network.bridge", "br 0"),
    ("network.bridge", "br/0"),
    ("network.bridge", "b" * 16),
    ("network.bridge", ""),
    ("network.nat_bridge", "hostonly0"),
    ("network.host", "172.16.0.0/24"),
    ("network.host", "172.16.0.255/24"),
    ("network.host", "172.16.0.1"),
    ("network.host", "172.16.0.1/33"),
    ("network.host", "172.16.0.1/31"),
    ("network.host", "172.16.0.1/12"),
    ("network.host", "172.16.0.1/255.255.255.0"),
    ("network.host", "172.16.0.01/24"),
    ("network.host", "127.0.0.1/24"),
    ("network.host", "0.0.0.1/24"),
    ("network.host", "224.0.0.1/24"),
    ("network.host", "169.254.0.1/24"),
    ("network.host", "8.8.8.1/24"),
    ("network.host", "172.17.0.1/24"),
    ("network.host", "fd00::1/64"),
    ("network.host", "172.16.0.1/24; reboot"),
    ("network.host", 1),
    ("network.sandbox", "172.16.0.1"),
    ("network.sandbox", "172.16.0.0"),
    ("network.sandbox", "172.16.0.255"),
    ("network.sandbox", "172.16.1.2"),
    ("network.sandbox", "172.16.0.2/24"),
    ("network.sandbox", 2886729730),
    ("network.sandbox2", "172.16.0.2"),
    ("network.sandbox2", "$(id)"),
    ("network.nat", "172.16.0.5/16"),
    ("network.nat", "172.16.0.9/24"),
    ("registry.port", 0),
    ("registry.port", 65536),
    ("registry.port", 22),
    ("registry.port", "5000"),
    ("hello.port", 5000),
    ("hello.port", 15000),
    ("hello.port", 80),
    ("hello.port", 1023),
    ("hello.port", None),
    ("image.base", "two words"),
    ("image.python_base", "Python:3"),
    ("image.name", "Hello"),
    ("image.name", "a:latest"),
    ("image.name", "../a"),
    ("image.name", "a//b"),
    ("image.name", "a" * 129),
    ("image.name", "\x1b[31mred"),
    ("image.name", ""),
    ("waiting.patience", 0),
    ("waiting.patience", 101),
    ("waiting.patience", 1.5),
    ("waiting.patience", "4"),
    ("waiting.patience", True),
    ("sandbox", 5),
    ("sandbox", None),
    ("network", ["a"]),
    ("machines", 5),
    ("machines", None),
    ("machines", ["db"]),
]

# A section of `machines:`, and the key and the value that are wrong in it.
WRONG_MACHINES: list[tuple[object, object, str]] = [
    *(
        (name, DB, "machines")
        for name in (
            "",
            "Db",
            "1db",
            "a b",
            "a-b",
            "a_b",
            "../x",
            "a;id",
            "käse",
            "d" * 17,
            "x\n",
            "host",
            "localhost",
        )
    ),
    ("db", 5, "machines.db"),
    ("db", None, "machines.db"),
    ("db", {}, "machines.db.address"),
    *(
        ("db", {**DB, "address": address}, "machines.db.address")
        for address in (None, "", 7, "172.16.0.4/24", "fd00::4", "$(id)", "172.16.0.04")
    ),
    # Another's, of another range, of none.
    *(
        ("db", {**DB, "address": address}, "machines.db.address")
        for address in ("172.16.0.1", "172.16.0.2", "172.16.0.3", "172.16.1.4", "172.16.0.255")
    ),
    *(("db", {**DB, "provider": each}, "machines.db.provider") for each in ("docker", "LXC", 7)),
    *(("db", {**DB, "engine": each}, "machines.db.engine") for each in ("26.1", 20.10)),
    *(("db", {**DB, "memory": each}, "machines.db.memory") for each in (255, "1024", True, 2.5)),
    *(("db", {**DB, "cpus": each}, "machines.db.cpus") for each in (0, 257, "1", [1])),
    # `network:` says where the first ones are.
    ("sandbox", {"address": "172.16.0.2"}, "machines.sandbox.address"),
    ("sandbox2", {"address": "172.16.0.9"}, "machines.sandbox2.address"),
    ("sandbox2", {"memory": 1}, "machines.sandbox2.memory"),
]


def refused(key: str, data: dict[str, Any]) -> None:
    """One line says of ``data`` that the value of ``key`` is wrong."""
    with pytest.raises(SettingsError) as caught:
        load(data)
    line = str(caught.value)
    assert line.startswith(f"{key}: ")
    assert "is not allowed: " in line
    assert line.isprintable()
    assert len(line) < 300
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda part: repr(part)[:40])
def test_wrong_value(key: str, value: object) -> None:
    refused(key, changed(key, value))


@pytest.mark.parametrize(("name", "value", "key"), WRONG_MACHINES, ids=lambda part: repr(part)[:40])
def test_wrong_machine(name: object, value: object, key: str) -> None:
    refused(key, changed("machines", {name: value}))


def test_two_machines_of_one_address() -> None:
    two = {"db": DB, "web": {"address": DB["address"]}}
    with pytest.raises(
        SettingsError, match=r"^machines\.web\.address: .*other than machines\.db\.ad"
    ):
        load(changed("machines", two))


def test_further_machines_come_behind_the_first_in_their_order() -> None:
    machines = {"web": {"address": "172.16.0.4"}, "db": DB, "sandbox2": {"cpus": 1}}
    site = settle(load(changed("machines", machines)))
    assert site.names == ["sandbox", "sandbox2", "web", "db"]
    # Machine three's eth0 is at the address behind machine two's, whatever its own address is.
    assert [str(machine.nat.address.ip) for machine in site.machines] == [
        f"10.203.16.{number}" for number in (2, 3, 4, 5)
    ]


@pytest.mark.parametrize(("nat", "fits"), [("10.203.16.1/29", 5), ("10.203.16.250/24", 4)])
def test_as_many_machines_as_the_nat_range_has_addresses_for(nat: str, fits: int) -> None:
    further = {f"m{n}": {"address": f"172.16.0.{n}"} for n in range(10, 10 + fits - 1)}
    site = settled(network={"nat": nat}, machines=dict(list(further.items())[:-1]))
    assert len(site.machines) == fits
    assert site.machines[-1].nat.address.ip < site.nat.network.broadcast_address
    data = changed("machines", further)
    data["network"]["nat"] = nat
    with pytest.raises(
        SettingsError, match=rf"^network\.nat: .*the next {fits + 1} are the machines'"
    ):
        load(data)


def test_a_variable_overrides_what_a_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_MACHINES_DB_ADDRESS", "172.16.0.77")
    monkeypatch.setenv("INVOKE_MACHINES_DB_MEMORY", "512")
    db = settle(load(changed("machines", {"db": dict(DB)}))).machine("db")
    assert (db.address, db.memory) == ("172.16.0.77", 512)
    # Without a section there is nothing that it could override.
    with pytest.raises(SettingsError, match="unknown key"):
        load(FILE)


def test_a_range_that_the_sandboxes_are_not_in_is_seen() -> None:
    with pytest.raises(SettingsError, match=r"^network\.sandbox: .*10\.1\.0\.1 to 10\.1\.0\.254"):
        load(changed("network.host", "10.1.0.1/24"))


@pytest.mark.parametrize(
    ("key", "meant"),
    [("sandbox.memmory", "sandbox.memory"), ("regsitry", "registry"), ("root", ""), ("x\ny", "")],
)
def test_unknown_key(key: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(changed(key, 1))
    line = str(caught.value)
    assert "unknown key" in line
    assert line.isprintable()
    assert f"did you mean {meant}?" in line or not meant


def test_unknown_key_of_a_machine() -> None:
    with pytest.raises(SettingsError, match=r"did you mean machines\.db\.memory\?"):
        load(changed("machines", {"db": {**DB, "memmory": 1024}}))


def test_missing_key() -> None:
    data = copy.deepcopy(FILE)
    del data["registry"]["port"]
    with pytest.raises(SettingsError, match=r"^registry\.port: is missing"):
        load(data)


def test_invokes_own_keys_are_no_concern_of_ours() -> None:
    assert load(changed("run", {"echo": True})).sandbox.cpus == 2


def test_a_variable_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_NETWORK_NAT_BRIDGE", "other0")
    monkeypatch.setenv("INVOKE_REGISTRY_PORT", "5001")
    found = load(FILE)
    assert (found.network.nat_bridge, found.registry.port) == ("other0", 5001)


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_REGISTRY_PORT", "70000")
    with pytest.raises(
        SettingsError, match=r"^registry\.port: 70000 \(from INVOKE_REGISTRY_PORT\)"
    ):
        load(FILE)


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_REGISTRY_PROT", "5001")
    with pytest.raises(SettingsError, match="did you mean INVOKE_REGISTRY_PORT"):
        load(FILE)


@pytest.mark.parametrize("name", ["INVOKE_RUN_ECHO", "INVOKE_RUNTIME_CONFIG", "INVOKE_DEBUG"])
def test_invokes_own_variables_are_no_concern_of_ours(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert load(FILE).sandbox.cpus == 2


@pytest.mark.parametrize("text", ["", "a: [", "[1]", "\x00", "5"])
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "invoke.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.read(file)
    assert "\n" not in str(caught.value)
