"""The nftables table: what it says for given settings."""

from __future__ import annotations

from hostonly.host import firewall
from hostonly.settings import Settings


def test_the_table_is_named_after_the_sandbox_and_replaced_whole(settings: Settings) -> None:
    table = firewall.table(settings)
    assert table.name == "hostonly_hostonly"
    # Declaring before deleting makes the transaction work whether the table is there or not.
    lines = table.rules.splitlines()
    assert lines[:2] == [f"table inet {table.name}", f"delete table inet {table.name}"]


def test_nothing_passes_between_the_host_only_bridge_and_the_rest(settings: Settings) -> None:
    rules = [line.strip() for line in firewall.table(settings).rules.splitlines()]
    bridge = settings.network.bridge
    inward = next(
        i for i, r in enumerate(rules) if r.startswith(f'oifname "{bridge}" counter drop')
    )
    outward = next(
        i for i, r in enumerate(rules) if r.startswith(f'iifname "{bridge}" counter drop')
    )
    between = next(
        i
        for i, r in enumerate(rules)
        if r.startswith(f'iifname "{bridge}" oifname "{bridge}" accept')
    )
    assert between < inward and between < outward


def test_the_way_out_is_masqueraded_for_the_nat_range_only(settings: Settings) -> None:
    (rule,) = [r for r in firewall.table(settings).rules.splitlines() if "masquerade" in r]
    assert f"ip saddr {settings.network.nat.network}" in rule
    assert f'iifname "{settings.network.nat_bridge}"' in rule


def test_states_are_matched_by_membership(settings: Settings) -> None:
    # `ct state != established,related` compares with both bits at once and matches every packet.
    assert "ct state !=" not in firewall.table(settings).rules


def test_answers_come_back_before_the_rest_is_dropped(settings: Settings) -> None:
    rules = [line.strip() for line in firewall.table(settings).rules.splitlines()]
    inward = [r for r in rules if r.startswith(f'oifname "{settings.network.nat_bridge}"')]
    assert "ct state established,related accept" in inward[0]
    assert "drop" in inward[1]
