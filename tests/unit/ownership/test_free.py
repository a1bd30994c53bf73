"""What is proposed where names and addresses are somebody else's: all of it at once, and it is accepted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import HostonlyError, Taken
from hostonly.host import bridges
from hostonly.program import ProjectConfig
from hostonly.sandbox import names, place
from hostonly.settings import Site, load

NAME = f"unit-test-{os.getpid()}"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """With a name that no container of the machine that the tests run on has."""
    monkeypatch.setenv("INVOKE_SANDBOX_NAME", NAME)
    section = site.sandbox.model_copy(update={"name": NAME})
    return site.model_copy(update={"sandbox": section})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Says what the machine has: routes, and links with their aliases and addresses."""
    monkeypatch.setattr(names, "SANDBOXES", tmp_path)

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


def with_these(variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Site:
    """The settings as they are read where the line was typed."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config = ProjectConfig(project_location=ROOT)
    config.load_project()
    config.load_shell_env()
    return load(config, ROOT)


def assert_accepted(variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Site:
    site = with_these(variables, monkeypatch)
    assert place.free(site) == {}
    for bridge, key in zip(bridges.bridges(site, ROOT), ("host", "nat"), strict=True):
        assert not bridges.present(bridge)
        bridges.refuse_conflicts(bridge, key)
    return site


def test_nothing_is_proposed_where_nothing_is_taken(
    machine: Callable[..., None], site: Site
) -> None:
    machine()
    assert place.free(site) == {}


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
    variables = place.free(site)
    assert set(variables) == proposed
    assert_accepted(variables, monkeypatch)


def test_a_second_clone_is_told_all_at_once(
    machine: Callable[..., None],
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    net, other = site.network, "hostonly /home/ada/other"
    machine(
        links={
            net.bridge: (other, str(net.host)),
            net.nat_bridge: (other, str(net.nat)),
            "hostonly1": ("", "192.168.1.1/24"),
        }
    )
    claimed = tmp_path / f"{site.name}-sandbox"
    claimed.mkdir()
    (claimed / "owner").write_text("/home/ada/other\n")
    whose = "belongs to another checkout: /home/ada/other"
    with pytest.raises(Taken, match=whose) as refusal, place.proposed(site):
        names.claim_name(site, "sandbox")
    line = str(refusal.value.remedy).partition("export ")[2].partition("   ")[0]
    variables = dict(word.split("=", 1) for word in line.split())
    assert len(variables) == 7
    accepted = assert_accepted(variables, monkeypatch)
    assert accepted.sandbox.name == f"{NAME}-2"
    assert accepted.network.bridge not in (net.bridge, "hostonly1")
    names.claim_name(accepted, "sandbox")


def test_without_any_free_address_nothing_is_proposed(
    machine: Callable[..., None], site: Site
) -> None:
    machine(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
    assert place.free(site) == {}
    with pytest.raises(HostonlyError) as refusal, place.proposed(site):
        bridges.refuse_conflicts(bridges.bridges(site, ROOT)[0], "host")
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
    accepted = assert_accepted(place.free(small), monkeypatch)
    assert accepted.network.host.network == IPv4Network("172.16.1.0/29")
