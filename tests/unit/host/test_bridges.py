"""Whose a bridge is, and who else uses its addresses: on what iproute2 6.1 printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import HostonlyError
from hostonly.host import bridges
from hostonly.site import BRIDGE, Bridge, Site, mac
from tests.unit.sites import at

HERE = Path(__file__).parent
OURS = "hostonly /home/ada/check out"


@pytest.fixture(autouse=True)
def captured(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: Sequence[str], **_: Any) -> str:
        name = "routes.json" if "route" in argv else "addresses.json"
        return (HERE / name).read_text()

    monkeypatch.setattr(bridges, "run", run)


def bridge(name: str = "hostonly0", address: str = "172.16.0.1/24", mark: str = OURS) -> Bridge:
    end = IPv4Interface(address)
    return Bridge(name, end, mac(end.ip, BRIDGE), mark)


def test_ours_with_its_address_is_present() -> None:
    assert bridges.present(bridge())


def test_ours_without_its_address_is_not_whole() -> None:
    assert not bridges.present(bridge(address="172.16.5.1/24"))


def test_another_checkouts_bridge_is_refused_by_name() -> None:
    with pytest.raises(HostonlyError, match="belongs to hostonly /home/ada/check out"):
        bridges.present(bridge(mark="hostonly /elsewhere"))


def test_an_unmarked_link_is_refused() -> None:
    with pytest.raises(HostonlyError, match="does not carry hostonly's mark"):
        bridges.present(bridge(name="plain0"))


def test_an_address_in_the_range_is_a_conflict_named_by_its_link() -> None:
    assert bridges.conflicts(bridge()) == ["wg0 has 172.16.9.4/16"]


def test_a_route_into_the_range_is_a_conflict() -> None:
    found = bridges.conflicts(bridge(name="hostonly1", address="172.17.3.1/24"))
    assert found == ["the route to 172.17.0.0/16 leaves by 172.16.9.1"]


def test_a_free_range_has_no_conflict() -> None:
    assert bridges.conflicts(bridge(name="hostonly1", address="10.9.8.1/24")) == []


def test_a_route_to_half_the_world_is_no_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: Sequence[str], **_: Any) -> str:
        return json.dumps([{"dst": "128.0.0.0/1", "dev": "tun0"}] if "route" in argv else [])

    monkeypatch.setattr(bridges, "run", run)
    assert bridges.conflicts(bridge()) == []


@pytest.mark.parametrize(("kind", "counts"), [(None, True), ("blackhole", True), ("throw", False)])
def test_a_route_of_another_table_counts(
    monkeypatch: pytest.MonkeyPatch, kind: str | None, counts: bool
) -> None:
    route = {"dst": "172.16.0.0/16", "dev": "tailscale0", "table": "52"}
    local = {"type": "local", "dst": "172.16.0.9", "dev": "lo", "table": "local"}

    def run(argv: Sequence[str], **_: Any) -> str:
        routes = [{**route, "type": kind} if kind else route, local]
        return json.dumps(routes if "route" in argv else [])

    monkeypatch.setattr(bridges, "run", run)
    assert bridges.conflicts(bridge()) == (
        ["the route to 172.16.0.0/16 leaves by tailscale0 (table 52)"] if counts else []
    )


def test_another_checkout_is_named() -> None:
    found = bridges.conflicts(bridge(name="hostonly1", address="172.16.0.9/28"))
    assert f"hostonly0 ({OURS}) has 172.16.0.1/24" in found


def test_conflicts_are_refused_with_a_next_step() -> None:
    with pytest.raises(HostonlyError, match=r"wg0 has 172\.16\.9\.4/16") as refusal:
        bridges.refuse_conflicts(bridge(), "host")
    assert "network.host" in str(refusal.value.remedy)


def test_a_free_network_is_nobodys_and_not_dockers_in_the_sandbox() -> None:
    # 172.16/16 is taken in the captured routes, and 172.17/16 would be refused as a setting.
    assert bridges.free_network(24) == IPv4Network("172.18.0.0/24")
    beside = [IPv4Network("172.18.0.0/16")]
    assert bridges.free_network(24, beside=beside) == IPv4Network("172.19.0.0/24")


def test_a_free_name_is_like_the_one_that_is_taken() -> None:
    assert bridges.free_name("hostonly0") == "hostonly1"
    assert bridges.free_name("hostonly0", beside="hostonly1") == "hostonly2"
    assert bridges.free_name("fifteen-letters") == "fifteen-letter1"


def test_only_a_marked_bridge_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Sequence[str]] = []
    links = (HERE / "addresses.json").read_text()

    def run(argv: Sequence[str], **_: Any) -> str:
        ran.append(argv)
        return links

    monkeypatch.setattr(bridges, "run", run)
    assert not bridges.remove(bridge(name="plain0"))
    assert not any("delete" in argv for argv in ran)
    assert bridges.remove(bridge())
    assert ["ip", "link", "delete", "hostonly0", "type", "bridge"] in ran


def test_other_checkouts_are_seen_by_their_marks(site: Site) -> None:
    assert bridges.others(at(site, Path("/home/ada/check out"))) == []
    assert bridges.others(at(site, Path("/home/bob/hostonly"))) == ["/home/ada/check out"]


def test_a_bridge_has_a_mac_of_its_own_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one it has that of a port, and another when that goes: who remembers it sends to nobody."""
    batches: list[str] = []

    def run(argv: Sequence[str], *, stdin: str = "", **_: Any) -> str:
        batches.append(stdin)
        return "[]"

    monkeypatch.setattr(bridges, "run", run)
    bridges.create(bridge())
    assert next(line for batch in batches for line in batch.splitlines()) == (
        "link add hostonly0 address 0e:02:ac:10:00:01 type bridge"
    )


def test_an_address_is_forgotten_on_its_own_bridge_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(bridges, "run", lambda argv, *, stdin, **_: given.append(stdin))
    bridges.forget({bridge(): "172.16.0.2", bridge("hostonlynat0"): "10.203.16.2"})
    assert given == [
        "neigh flush to 172.16.0.2 dev hostonly0\nneigh flush to 10.203.16.2 dev hostonlynat0\n"
    ]
