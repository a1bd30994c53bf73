"""What lxc-template is handed over: settings, keys and certificates, of every machine what it needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostonly.host import atomic, command
from hostonly.providers.lxc import base, handover
from hostonly.providers.lxc.handover import hand_over, nameservers
from hostonly.sandbox.keys import public
from hostonly.site import Site
from tests.unit.sites import DB, at, settled


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("nameserver 10.0.0.1\nnameserver 10.0.0.2\n", None, ["10.0.0.1", "10.0.0.2"]),
        ("# none\nsearch lan\n", None, []),
        ("nameserver 127.0.0.53\n", "nameserver 192.0.2.9\n", ["192.0.2.9"]),
        ("nameserver ::1\nnameserver\n", None, []),
    ],
)
def test_name_servers_are_those_a_sandbox_can_reach(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str | None,
    expected: list[str],
) -> None:
    files = (tmp_path / "resolv.conf", tmp_path / "resolved.conf")
    files[0].write_text(first)
    if second is not None:
        files[1].write_text(second)
    monkeypatch.setattr(handover, "_RESOLVERS", files)
    assert nameservers() == expected


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A checkout of three machines with keys and certificates; root's commands are run as ourselves."""
    for module in (handover, atomic, base):
        monkeypatch.setattr(module, "run", lambda argv, root, **how: command.run(argv, **how))
    monkeypatch.setattr(handover, "_RESOLVERS", ())
    monkeypatch.setattr(handover, "INSTANCES", tmp_path / "claims")
    made = at(settled(machines={"db": DB}), tmp_path)
    files = [made.login_key, *(machine.host_key for machine in made.machines)]
    for key in files:
        key.parent.mkdir(parents=True, exist_ok=True)
        key.write_text(f"private {key.name}\n")
        public(key).write_text(f"public {key.name}\n")
    for machine in made.machines:
        machine.certificates.mkdir(parents=True)
        for name in ("server.pem", "ca.crt"):
            (machine.certificates / name).write_text(f"{name} of {machine.name}\n")
    return made


def claimed(here: Site, tmp_path: Path, name: str) -> Path:
    from dataclasses import replace

    machine = here.machine(name)
    claim = tmp_path / "claims" / machine.instance
    (tmp_path / "base").mkdir(exist_ok=True)
    hand_over(here, replace(machine, folder=claim), tmp_path / "base")
    return claim


def test_each_machine_gets_its_own_and_the_certificates_of_all(here: Site, tmp_path: Path) -> None:
    claim = claimed(here, tmp_path, "db")
    assert (claim / "owner").read_text() == f"{here.root}\n"
    lines = dict(line.split("=", 1) for line in (claim / "settings").read_text().splitlines())
    assert (lines["HOSTNAME"], lines["ADDRESS"]) == ("db", "172.16.0.9")
    assert (lines["BASE"], lines["REGISTRY_PORT"]) == (str(tmp_path / "base"), "5000")
    assert (claim / "ssh_host_ed25519_key").read_text() == "private db.host_ed25519\n"
    assert (claim / "authorized_keys").read_text() == "public id_ed25519\n"
    assert (claim / "registry.pem").read_text() == "server.pem of db\n"
    for file in ("ssh_host_ed25519_key", "registry.pem"):
        assert (claim / file).stat().st_mode & 0o777 == 0o600
    authorities = {file.parent.name: file.read_text() for file in claim.glob("certs.d/*/ca.crt")}
    assert authorities == {
        f"{machine.address}:5000": f"ca.crt of {machine.name}\n" for machine in here.machines
    }


def test_what_is_there_is_written_again_only_where_it_is_another(
    here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    claim = claimed(here, tmp_path, "sandbox")

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("it was written again")

    with monkeypatch.context() as patch:
        patch.setattr(handover, "run", refuse)
        claimed(here, tmp_path, "sandbox")
    for changed in ("settings", "authorized_keys", "certs.d/172.16.0.9:5000/ca.crt"):
        before = (claim / changed).read_text()
        (claim / changed).write_text("another\n")
        claimed(here, tmp_path, "sandbox")
        assert (claim / changed).read_text() == before
    # One of a machine that is in the settings no more.
    (claim / "certs.d" / "172.16.0.77:5000").mkdir()
    (claim / "certs.d" / "172.16.0.77:5000" / "ca.crt").touch()
    claimed(here, tmp_path, "sandbox")
    assert not (claim / "certs.d" / "172.16.0.77:5000").exists()
