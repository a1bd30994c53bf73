"""What is proposed where names and addresses are somebody else's: all of it at once, and it is accepted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from hostonly.cli import ProjectConfig
from hostonly.errors import HostonlyError, Taken
from hostonly.host import bridges
from hostonly.ownership import free
from hostonly.ownership.owners import require_ours
from hostonly.settings import load, settle
from hostonly.site import ROOT, Site
from tests.unit.sites import DB, settled

NAME = f"unit-test-{os.getpid()}"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """With a name that no container of the machine that the tests run on has."""
    monkeypatch.setenv("INVOKE_SANDBOX_NAME", NAME)
    return settled(sandbox={"name": NAME})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Says what the machine has: routes, and links with their aliases and addresses."""

    def has(routes: Sequence[str] = (), links: Mapping[str, tuple[str, str]] = {}) -> None:
        shown = [
            {
                "ifname": name,
                "ifalias": alias,
                "addr_info": [
                    {"family": "inet", "local": cidr.split("/")[0], "prefixlen": int(cidr[-2:])}
                ],
            }
            for name, (alias, cidr) in links.items()
        ]
        ways = [{"dst": route, "dev": "vpn0"} for route in routes]

        def run(argv: Sequence[str], **_: Any) -> str:
            return json.dumps(ways if "route" in argv else shown)

        monkeypatch.setattr(bridges, "run", run)

    return has


def with_these(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, machines: Mapping[str, Any] = {}
) -> Site:
    """The settings as they are read where the line was typed, in a checkout with these ``machines``."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config = ProjectConfig(project_location=ROOT)
    config.load_project()
    config._project["machines"] = dict(machines)
    config.merge()
    config.load_shell_env()
    return settle(load(config, ROOT))


def assert_accepted(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, machines: Mapping[str, Any] = {}
) -> Site:
    site = with_these(variables, monkeypatch, machines)
    assert free.free(site) == {}
    for bridge, key in zip(site.bridges, ("host", "nat"), strict=True):
        assert not bridges.present(bridge)
        bridges.refuse_conflicts(bridge, key)
    return site


def test_nothing_is_proposed_where_nothing_is_taken(
    machine: Callable[..., None], site: Site
) -> None:
    machine()
    assert free.free(site) == {}


@pytest.mark.parametrize(
    ("routes", "proposed"),
    [
        # Not network.host's own.
        (["10.0.0.0/8"], {"INVOKE_NETWORK_NAT"}),
        # Not Docker's in the sandbox.
        (["172.16.0.0/16"], {f"INVOKE_NETWORK_{key}" for key in ("HOST", "SANDBOX", "SANDBOX2")}),
        (
            ["172.16.0.0/12", "10.0.0.0/8"],
            {f"INVOKE_NETWORK_{key}" for key in ("HOST", "SANDBOX", "SANDBOX2", "NAT")},
        ),
    ],
)
def test_what_is_proposed_is_free_and_accepted(
    machine: Callable[..., None],
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    routes: list[str],
    proposed: set[str],
) -> None:
    machine(routes)
    variables = free.free(site)
    assert set(variables) == proposed
    assert_accepted(variables, monkeypatch)


def test_a_second_clone_is_told_all_at_once(
    machine: Callable[..., None],
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    other = "hostonly /home/ada/other"
    machine(
        links={
            **{bridge.name: (other, str(bridge.address)) for bridge in site.bridges},
            "hostonly1": ("", "192.168.1.1/24"),
        }
    )
    claimed = tmp_path / "claims" / f"{site.name}-sandbox"
    claimed.mkdir(parents=True)
    (claimed / "owner").write_text("/home/ada/other\n")
    whose = "belongs to another checkout: /home/ada/other"
    with pytest.raises(Taken, match=whose) as refusal, free.proposed(site):
        require_ours(site, site.sandbox)
    line = str(refusal.value.remedy).partition("export ")[2].partition("   ")[0]
    variables = dict(word.split("=", 1) for word in line.split())
    assert len(variables) == 7
    accepted = assert_accepted(variables, monkeypatch)
    assert accepted.name == f"{NAME}-2"
    assert accepted.bridge.name not in (site.bridge.name, "hostonly1")
    require_ours(accepted, accepted.sandbox)


def test_without_any_free_address_nothing_is_proposed(
    machine: Callable[..., None], site: Site
) -> None:
    machine(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
    assert free.free(site) == {}
    with pytest.raises(HostonlyError) as refusal, free.proposed(site):
        bridges.refuse_conflicts(site.bridge, "host")
    assert "Give network.host" in str(refusal.value.remedy)


def test_a_small_network_is_replaced_by_one_of_its_size(
    machine: Callable[..., None], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = with_these(
        {
            "INVOKE_NETWORK_HOST": "172.16.0.1/29",
            "INVOKE_NETWORK_SANDBOX": "172.16.0.2",
            "INVOKE_NETWORK_SANDBOX2": "172.16.0.3",
        },
        monkeypatch,
    )
    machine(["172.16.0.0/24"])
    accepted = assert_accepted(free.free(small), monkeypatch)
    assert accepted.bridge.network == IPv4Network("172.16.1.0/29")


def test_a_third_machine_is_proposed_an_address_as_well(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machines = {"db": dict(DB)}
    three = settled(sandbox={"name": NAME}, machines=machines)
    machine(["172.16.0.0/24"])
    (tmp_path / "claims" / f"{NAME}-db").mkdir(parents=True)
    (tmp_path / "claims" / f"{NAME}-db" / "owner").write_text("/home/ada/other\n")
    variables = free.free(three)
    network = {f"INVOKE_NETWORK_{key}" for key in ("HOST", "SANDBOX", "SANDBOX2")}
    assert set(variables) == {*network, "INVOKE_MACHINES_DB_ADDRESS", "INVOKE_SANDBOX_NAME"}
    accepted = assert_accepted(variables, monkeypatch, machines)
    assert [str(address) for address in accepted.addresses] == [
        f"172.16.1.{number}" for number in (1, 2, 3, 4)
    ]
