"""Every wrong setting is one line: the key, the value, what is allowed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config
from invoke.util import yaml

from hostonly import settings
from hostonly.errors import SettingsError
from hostonly.settings import ROOT, Settings

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


def test_the_file_of_the_checkout_is_right(settings: Settings) -> None:
    assert str(settings.network.host) == "172.16.0.1/24"
    assert str(settings.network.sandbox) == "172.16.0.2"
    assert str(settings.network.sandbox2) == "172.16.0.3"
    assert (settings.registry.port, settings.hello.port) == (5000, 8080)
    assert settings.image.name == "hello-socket"
    assert settings.sandbox.provider == "lxc"
    assert settings.state == ROOT / ".hostonly"


def test_json_has_the_shape_of_the_file(settings: Settings) -> None:
    assert json.loads(settings.to_json()) == FILE


def test_settings_are_frozen(settings: Settings) -> None:
    with pytest.raises(ValueError, match="frozen"):
        # mypy refuses it too, as it should; here it is about who is not checked by mypy.
        settings.registry.port = 1  # type: ignore[misc]


WRONG: list[tuple[str, object]] = [
    ("sandbox.provider", "docker"),
    ("sandbox.provider", "LXC"),
    ("sandbox.provider", "libvirt"),
    ("sandbox.provider", "virtualbox"),
    ("sandbox.provider", None),
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
]


@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda part: repr(part)[:40])
def test_wrong_value(key: str, value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        load(changed(key, value))
    line = str(caught.value)
    assert line.startswith(f"{key}: ")
    assert "is not allowed: " in line
    assert line.isprintable()
    assert len(line) < 300
    assert caught.value.exit_code == 2


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
