"""The nftables table: what it says for given settings."""

from __future__ import annotations

from hostonly.host import firewall
from hostonly.site import Site


def test_the_table_is_named_after_the_sandbox_and_replaced_whole(site: Site) -> None:
    table = firewall.table(site)
    assert table.name == "hostonly_hostonly"
    # Declaring before deleting makes the transaction work whether the table is there or not.
    lines = table.rules.splitlines()
    assert lines[:2] == [f"table inet {table.name}", f"delete table inet {table.name}"]


def test_nothing_passes_between_the_host_only_bridge_and_the_rest(site: Site) -> None:
    rules = [line.strip() for line in firewall.table(site).rules.splitlines()]
    bridge = site.bridge.name
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


def test_the_way_out_is_masqueraded_for_the_nat_range_only(site: Site) -> None:
    (rule,) = [r for r in firewall.table(site).rules.splitlines() if "masquerade" in r]
    assert f"ip saddr {site.nat.network}" in rule
    assert f'iifname "{site.nat.name}"' in rule


def test_states_are_matched_by_membership(site: Site) -> None:
    # `ct state != established,related` compares with both bits at once and matches every packet.
    assert "ct state !=" not in firewall.table(site).rules


def test_answers_come_back_before_the_rest_is_dropped(site: Site) -> None:
    rules = [line.strip() for line in firewall.table(site).rules.splitlines()]
    inward = [r for r in rules if r.startswith(f'oifname "{site.nat.name}"')]
    assert "ct state established,related accept" in inward[0]
    assert "drop" in inward[1]


def test_on_eth0_nothing_passes_but_the_sandboxes_own_macs_and_addresses(
    site: Site,
) -> None:
    rules = [line.strip() for line in firewall.table(site).rules.splitlines()]
    guard = next(i for i, rule in enumerate(rules) if '"no address but their own"' in rule)
    assert "0e:00:ac:10:00:02 . 10.203.16.2, 0e:00:ac:10:00:03 . 10.203.16.3" in rules[guard]
    assert "ether saddr != { 0e:00:ac:10:00:02, 0e:00:ac:10:00:03 }" in rules[guard - 1]
    # For what comes to the host and for what is forwarded, before the first accept that could be theirs.
    for chain in ("input", "forward"):
        start = rules.index(f"chain {chain} {{")
        end = rules.index("}", start)
        lines = rules[start:end]
        assert rules[guard - 1] in lines and rules[guard] in lines
        accepts = [
            i
            for i, line in enumerate(lines)
            if " accept " in line and "none of ours" not in line and site.bridge.name not in line
        ]
        assert lines.index(rules[guard]) < min(accepts)
    # eth1 is where macvlan lives.
    assert not [r for r in rules if "ether" in r and site.nat.name not in r]
