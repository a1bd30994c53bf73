"""What is made on the host's side for a machine, in which order, and what is taken away after the last."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hostonly.errors import Taken, Unreachable
from hostonly.events import ignore
from hostonly.host import bridge_netfilter, bridges, firewall, modules, outsiders, packages, traffic
from hostonly.ownership import before, lock, owners
from hostonly.providers import PROVIDERS
from hostonly.registry import certificate, trust
from hostonly.sandbox import keys, machine_index, prepare
from hostonly.site import Bridge, Site
from tests.unit.sandbox.provided import Noted, Provided
from tests.unit.sites import DB, at, settled


@pytest.fixture
def here(tmp_path: Path) -> Site:
    """A checkout of three machines."""
    return at(settled(machines={"db": DB}), tmp_path / "checkout")


@pytest.fixture
def host(here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Noted:
    """A host on which nothing is done but noted; both bridges are there."""
    here.root.mkdir()
    noted = Noted()
    (tmp_path / "store").mkdir()
    for each in (lock, prepare):
        monkeypatch.setattr(each, "STORE", tmp_path / "store")
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    for module in ("sandbox.prepare", "ownership.owners", "ownership.remains"):
        monkeypatch.setattr(f"hostonly.{module}.provider_of", noted.provider_of)
    for owner, name in (
        (packages, "install"),
        (keys, "ensure"),
        (before, "record"),
        (modules, "load"),
        (bridges, "create"),
        (traffic, "allow"),
    ):
        monkeypatch.setattr(owner, name, noted.step(f"{owner.__name__.rpartition('.')[2]}.{name}"))
    monkeypatch.setattr(certificate, "ensure", noted.step("certificate"))
    monkeypatch.setattr(bridges, "present", lambda bridge: True)
    monkeypatch.setattr(bridges, "forget", noted.step("forget"))
    monkeypatch.setattr(prepare, "require_host_only_route", noted.step("route"))
    return noted


def test_the_packages_of_every_provider_are_needed_once(here: Site, host: Noted) -> None:
    assert prepare.needed(here) == [*prepare.PACKAGES, "provider"]


def test_the_box_of_a_provider_is_made_once(here: Site, host: Noted) -> None:
    prepare.make_box(here, ignore)
    (made,) = (what for what in host.did if what != "packages.install")
    assert made.startswith("make box ")


class Store:
    """The steps that were ``noted`` while the store was locked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.held = folder, list[str]()

    def noted(self, what: str, answer: object = None) -> Callable[..., object]:
        def step(*_: object, **__: object) -> object:
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.held.append(what)
            finally:
                os.close(folder)
            return answer

        return step


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_no_purge_comes_between_the_base_and_handing_it_over(
    here: Site, host: Noted, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From before the provider prepares to where others see that this checkout has something here, and only
    then, the store is locked."""
    monkeypatch.setattr(bridges, "present", lambda bridge: False)
    monkeypatch.setattr(bridges, "refuse_conflicts", store.noted("conflicts"))
    monkeypatch.setattr(keys, "ensure", store.noted("keys"))
    monkeypatch.setattr(modules, "load", store.noted("modules"))
    monkeypatch.setattr(Provided, "prepare", store.noted("provider"))
    monkeypatch.setattr(bridges, "create", store.noted("bridge"))
    prepare.prepare(here, here.sandbox, ignore)
    assert store.held == ["provider", "bridge", "bridge"]


def test_all_is_made_in_its_order(here: Site, host: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[dict[Bridge, str]] = []
    monkeypatch.setattr(bridges, "present", lambda bridge: False)
    monkeypatch.setattr(bridges, "refuse_conflicts", host.step("conflicts"))
    monkeypatch.setattr(bridges, "forget", forgotten.append)
    prepare.prepare(here, here.machine("db"), ignore)
    assert host.did == [
        "packages.install",
        # Nothing is made before it is known that nothing is in the way.
        *("finish db", "conflicts", "conflicts", "before.record", "keys.ensure"),
        *["certificate"] * 3,
        *("provide db", "bridges.create", "bridges.create", "modules.load"),
        *("traffic.allow", "route"),
    ]
    # Whose MAC had its addresses before is of no use to who calls it.
    assert forgotten == [{here.bridge: "172.16.0.9", here.nat: "10.203.16.4"}]


def test_a_name_that_is_somebody_elses_changes_nothing(
    here: Site, host: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {here.sandbox.instance: "/another"}
    monkeypatch.setattr(owners, "owner", lambda folder: theirs.get(folder.name))
    monkeypatch.setattr(bridges, "conflicts", lambda bridge: [])
    with pytest.raises(Taken, match="another checkout: /another") as refused:
        prepare.prepare(here, here.sandbox, ignore)
    assert host.did == ["packages.install"]
    assert "export INVOKE_SANDBOX_NAME=hostonly-2" in str(refused.value.remedy)


@pytest.mark.parametrize("first", [True, False])
def test_where_the_way_is_not_by_our_bridge_what_was_made_goes_again(
    here: Site, host: Noted, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    def astray(address: str, bridge: str) -> None:
        raise Unreachable("it leaves by vpn0")

    monkeypatch.setattr(prepare, "require_host_only_route", astray)
    monkeypatch.setattr(bridges, "present", lambda bridge: not first)
    monkeypatch.setattr(bridges, "refuse_conflicts", host.step("conflicts"))
    monkeypatch.setattr(prepare, "restore", host.step("restore"))
    with pytest.raises(Unreachable):
        prepare.prepare(here, here.sandbox, ignore)
    assert ("restore" in host.did) == first


@pytest.fixture
def taken_away(host: Noted, monkeypatch: pytest.MonkeyPatch) -> Noted:
    """What restore takes away is noted, and was there."""
    for owner, name in (
        (firewall, "remove"),
        (bridge_netfilter, "remove"),
        (bridges, "remove"),
        (outsiders, "remove"),
    ):
        said = f"{owner.__name__.rpartition('.')[2]}.{name}"
        monkeypatch.setattr(owner, name, host.step(said, True))
    monkeypatch.setattr(trust, "remove", host.step("trust", []))
    monkeypatch.setattr(trust, "tidy", host.step("tidy"))
    monkeypatch.setattr(machine_index, "forget", host.step("index", 0))
    monkeypatch.setattr(traffic, "put_back", host.step("switches", []))
    monkeypatch.setattr(modules, "unload", host.step("modules", []))
    monkeypatch.setattr(bridges, "others", lambda site: [])
    return host


def test_nothing_goes_while_a_machine_is_there(here: Site, taken_away: Noted) -> None:
    taken_away.states = {"db": "stopped"}
    (here.state / "registry").mkdir(parents=True)
    prepare.restore(here, ignore)
    # The first one is gone, and its registry with it.
    assert taken_away.did == ["trust"]
    assert (here.state / "registry").exists()
    taken_away.did.clear()
    taken_away.states = {"sandbox": "running"}
    prepare.restore(here, ignore)
    assert taken_away.did == []


@pytest.mark.parametrize("beside", [True, False])
def test_after_the_last_all_goes_that_nobody_else_needs(
    here: Site, taken_away: Noted, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    monkeypatch.setattr(bridges, "others", lambda site: ["/another"] if beside else [])
    (here.state / "registry").mkdir(parents=True)
    prepare.restore(here, ignore)
    did = taken_away.did
    assert [what for what in did if what.startswith("let go")] == [
        f"let go {name}" for name in here.names
    ]
    assert did.count("bridges.remove") == 2 and "firewall.remove" in did
    shared = ["switches", "modules", *["put back sandbox"] * len(PROVIDERS)]
    assert [what for what in did if what in shared] == ([] if beside else shared)
    assert not (here.state / "registry").exists()


def test_what_all_checkouts_share_is_put_back_while_nobody_takes_it_in_use(
    here: Site, taken_away: Noted, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_shared_put_back", store.noted("put back", []))
    prepare.restore(here, ignore)
    assert store.held == ["put back"]
    # Where there is no store there is nothing, and none is made.
    store.folder.rmdir()
    prepare.restore(here, ignore)
    assert store.held == ["put back"] and not store.folder.exists()


def test_what_another_checkout_has_claimed_is_not_let_go(
    here: Site, taken_away: Noted, tmp_path: Path
) -> None:
    claimed = here.sandbox.folder
    claimed.mkdir(parents=True)
    (claimed / "owner").write_text("/another\n")
    prepare.restore(here, ignore)
    assert "let go sandbox" not in taken_away.did and "let go sandbox2" in taken_away.did
