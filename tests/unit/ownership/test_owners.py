"""Whose a name on this machine is: by root's folder, which goes with what is in it, the owner last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hostonly.errors import Taken
from hostonly.host import command
from hostonly.ownership import owners
from hostonly.ownership.owners import owner, release, require_ours
from hostonly.site import MachineSpec, Site


@pytest.fixture
def machine(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MachineSpec:
    """The first machine, claimed below ``tmp_path``; root's commands are run as ourselves."""
    monkeypatch.setattr(owners, "run", lambda argv, root, **how: command.run(argv, **how))
    exists(monkeypatch, False)
    return replace(site.sandbox, folder=tmp_path / site.sandbox.instance)


def exists(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    class Provided:
        kind = "a machine of somebody's"

        def __init__(self, site: Site, machine: MachineSpec) -> None:
            self.exists = there

    monkeypatch.setattr(owners, "provider_of", Provided)


def claimed(machine: MachineSpec, text: str) -> None:
    machine.folder.mkdir()
    (machine.folder / "owner").write_text(text)


def test_nobodys_is_free(site: Site, machine: MachineSpec) -> None:
    assert owner(machine.folder) is None
    require_ours(site, machine)


def test_a_claim_that_was_cut_off_is_nobodys(site: Site, machine: MachineSpec) -> None:
    claimed(machine, "")
    assert owner(machine.folder) is None
    require_ours(site, machine)


def test_another_checkouts_is_refused_by_its_name(site: Site, machine: MachineSpec) -> None:
    claimed(machine, "/somebody/elses\n")
    with pytest.raises(Taken, match="belongs to another checkout: /somebody/elses"):
        require_ours(site, machine)


def test_what_hostonly_did_not_make_is_refused_by_its_kind(
    site: Site, machine: MachineSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists(monkeypatch, True)
    with pytest.raises(
        Taken, match=r"^a machine of somebody's named hostonly-sandbox is already here"
    ):
        require_ours(site, machine)
    claimed(machine, f"{site.root}\n")
    require_ours(site, machine)


@pytest.mark.parametrize(("text", "ours"), [("{root}\n", True), ("", False), (None, False)])
@pytest.mark.parametrize("rest", [(), ("owner.4711",), ("settings", "certs.d/a/ca.crt")])
def test_what_says_whose_it_is_goes_last(
    site: Site, machine: MachineSpec, text: str | None, ours: bool, rest: tuple[str, ...]
) -> None:
    assert release(site, machine)
    machine.folder.mkdir()
    if text is not None:
        (machine.folder / "owner").write_text(text.format(root=site.root))
    for file in rest:
        (machine.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (machine.folder / file).touch()
    assert release(site, machine)
    # What nobody has a mark on is left alone.
    assert machine.folder.exists() == (not ours and "settings" in rest)


def test_another_checkouts_stays_whole(site: Site, machine: MachineSpec) -> None:
    claimed(machine, "/somebody/elses\n")
    (machine.folder / "settings").touch()
    assert not release(site, machine)
    assert sorted(file.name for file in machine.folder.iterdir()) == ["owner", "settings"]
