"""What is named where a connection was not answered."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hostonly.claims.obstacles import Hop, obstacles
from hostonly.facts.firewall import Firewall, parse
from hostonly.facts.nftables import NftDrop

# As Docker 20.10 leaves it: nothing of this is in anybody's way.
NAT = "*nat\n[9:540] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n"
ENGINES = f"""\
{NAT}*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
[9:540] -A FORWARD -j DOCKER-USER
[9:540] -A FORWARD -j DOCKER
[5:300] -A DOCKER ! -i docker0 -o docker0 -j DROP
[5:300] -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
COMMIT
"""
ALL_ON = {
    "net.ipv4.ip_forward": 1,
    "net.ipv4.conf.all.forwarding": 1,
    "net.ipv4.conf.default.forwarding": 1,
    "net.ipv4.conf.docker0.forwarding": 1,
    "net.ipv4.conf.eth1.forwarding": 1,
    "net.ipv4.conf.br-1b16.forwarding": 1,
    "net.ipv4.conf.lo.forwarding": 1,
    "net.ipv4.conf.veth1a2b.forwarding": 1,
}


def ground(
    *,
    version: int = 4,
    at: str = "sandbox",
    switches: Mapping[str, int] | None = None,
    firewall: Firewall | None = None,
    native: tuple[NftDrop, ...] = (),
    link: str = "",
) -> Hop:
    return Hop(at, at, version, switches, firewall or parse(ENGINES), native, link)


def off(*links: str) -> Hop:
    names = {f"net.ipv4.conf.{link}.forwarding": 0 for link in links}
    return ground(switches={**ALL_ON, **names})


def with_rule(rule: str, flavour: str = "") -> Firewall:
    if not flavour:
        return parse(
            ENGINES.replace("COMMIT\n*filter", "COMMIT\n*filter", 1)[:-7] + f"{rule}\nCOMMIT\n"
        )
    own, other = parse(ENGINES), parse(f"*filter\n{rule}\nCOMMIT\n", 4, flavour)
    return Firewall(4, own.tables, own.chains + other.chains, own.rules + other.rules)


def test_as_the_engine_leaves_it_nothing_is_named() -> None:
    assert obstacles(ground(switches=ALL_ON)) == []
    # Interfaces that no packet comes in by, or whose bridge counts.
    assert obstacles(off("lo", "veth1a2b")) == []


def test_forwarding_is_named_with_the_command() -> None:
    every = dict.fromkeys(ALL_ON, 0)
    assert obstacles(ground(switches=every)) == [
        "on the sandbox net.ipv4.ip_forward is 0: it passes no packet on, to a container or from one"
        " (to switch it on again: ./inv sandbox.exec -- sudo sysctl -w net.ipv4.ip_forward=1)"
    ]
    # Where nothing has to be forwarded it is of no interest.
    assert obstacles(ground(switches=None)) == []


@pytest.mark.parametrize(
    ("links", "says", "silent"),
    [
        (["docker0"], "sysctl -w net.ipv4.conf.docker0.forwarding=1)", "eth1"),
        (["docker0", "eth1"], "are 0: it passes on nothing that comes in by docker0, eth1", "lo"),
        # What the next network begins with; the one that was made with it will be gone.
        (["default", "br-1b16"], "is 0: it passes on nothing that comes in by new bridges", "br-"),
    ],
)
def test_forwarding_of_single_interfaces(links: list[str], says: str, silent: str) -> None:
    (said,) = obstacles(off(*links))
    assert says in said and silent not in said


def test_ipv6_has_switches_of_its_own() -> None:
    conf = "net.ipv6.conf.all"
    values = {f"{conf}.forwarding": 0, f"{conf}.force_forwarding": 0, f"{conf}.disable_ipv6": 0}

    def said(**turned: int) -> list[str]:
        switches = {**values, **{f"{conf}.{name}": to for name, to in turned.items()}}
        return obstacles(ground(version=6, switches=switches, firewall=parse("", 6)))

    (forwards,) = said()
    assert f"{conf}.forwarding is 0: it passes no IPv6 packet on" in forwards
    assert said(forwarding=1) == said(force_forwarding=1) == []
    (without,) = said(forwarding=1, disable_ipv6=1)
    assert f"sysctl -w {conf}.disable_ipv6=0" in without


@pytest.mark.parametrize(
    "rule",
    [
        "-A FORWARD -p tcp -m tcp --dport 8080 -j DROP",
        "-A DOCKER-USER -j DROP",
        "-A INPUT -p tcp -j REJECT --reject-with tcp-reset",
        # In the engine's own chain by hand.
        "-A DOCKER -p tcp -j DROP",
        "-A DOCKER -j DROP",
        "-A FORWARD -i docker0 -o docker0 -j DROP",
    ],
)
@pytest.mark.parametrize("flavour", ["", "iptables-legacy"])
def test_a_rule_that_has_dropped_is_named(rule: str, flavour: str) -> None:
    (said,) = obstacles(ground(firewall=with_rule(f"[6:360] {rule}", flavour)))
    assert rule in said and "6 packets" in said
    assert (flavour or "in the table filter") in said
    # One that has dropped nothing did not drop this.
    assert obstacles(ground(firewall=with_rule(f"[0:0] {rule}", flavour))) == []


def test_a_policy_is_named_where_it_is_not_the_engines() -> None:
    def said(saved: str, flavour: str = "", at: str = "sandbox") -> list[str]:
        own, more = parse(ENGINES), parse(f"*filter\n{saved}\nCOMMIT\n", 4, flavour)
        both = Firewall(4, own.tables, own.chains + more.chains, own.rules)
        return obstacles(ground(firewall=both, at=at))

    assert said(":FORWARD ACCEPT [3:1]", "iptables-legacy") == []
    (legacy,) = said(":FORWARD DROP [3:180]", "iptables-legacy")
    assert "the policy of FORWARD in the table filter of iptables-legacy is DROP" in legacy
    assert said(":INPUT DROP [0:0]") == [
        "on the sandbox the policy of INPUT in the table filter is DROP"
    ]


def test_the_engines_rules_are_gone() -> None:
    flushed = parse(
        "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"
    )
    policy, nat, forward = obstacles(ground(firewall=flushed))
    assert "FORWARD in the table filter is DROP" in policy
    assert "PREROUTING of the table nat leads to none" in nat
    assert "FORWARD of the table filter leads to none" in forward
    assert "./inv sandbox.exec -- sudo systemctl restart docker" in forward
    # An engine may have nftables' own instead, and the host needs none.
    backend = (NftDrop("ip", "docker-bridges", "filter-FORWARD", "drop", 9),)
    assert obstacles(ground(firewall=flushed, native=backend)) == [policy]
    assert obstacles(ground(firewall=flushed, at="host")) == []


def test_tables_that_iptables_does_not_show() -> None:
    native = (
        NftDrop("inet", "filter", "forward", "policy drop", None),
        NftDrop("ip", "raw", "PREROUTING", "tcp dport 8080 counter packets 3 bytes 4 drop", 3),
        NftDrop("ip", "filter", "FORWARD", "counter packets 9 bytes 9 drop", 9),
        NftDrop("ip", "filter", "FORWARD", "policy drop", None),
        NftDrop("ip", "filter", "FORWARD", "tcp dport 8080 drop", None),
        NftDrop("ip6", "filter", "FORWARD", "drop", None),
        NftDrop("inet", "mine", "input", "counter packets 0 bytes 0 drop", 0),
        NftDrop("inet", "mine", "input", "ct state invalid drop", None),
        NftDrop("inet", "hostonly_172.16.0.0", "forward", "drop", None),
    )
    assert obstacles(ground(native=native)) == [
        "on the sandbox the chain forward of the nftables table inet filter has: policy drop",
        "on the sandbox the chain PREROUTING of the nftables table ip raw has:"
        " tcp dport 8080 counter packets 3 bytes 4 drop",
        # iptables shows it without packets, since it does not count them.
        "on the sandbox the chain FORWARD of the nftables table ip filter has: tcp dport 8080 drop",
    ]
    # Shown by iptables but for what is incompatible.
    hidden = Firewall(4, ("filter",), (), parse(ENGINES).rules, ("filter",))
    assert any("ip filter" in said for said in obstacles(ground(native=native, firewall=hidden)))


def test_on_the_host_only_what_speaks_of_the_bridge() -> None:
    def said(rule: str) -> list[str]:
        found = Firewall(4, ("filter",), (), with_rule(f"[6:360] {rule}").rules)
        return obstacles(ground(at="host", firewall=found, link="hostonly0"))

    assert said("-A INPUT -i eth0 -j DROP") == []
    assert said("-A INPUT -m conntrack --ctstate INVALID -j DROP") == []
    for rule in (
        "-A OUTPUT -o hostonly0 -j DROP",
        "-A OUTPUT -o host+ -j DROP",
        "-A OUTPUT -j DROP",
    ):
        (named,) = said(rule)
        assert named.startswith(f"on the host the rule {rule}")
    lan = NftDrop("inet", "mine", "input", 'iifname "lan0" drop', None)
    assert obstacles(ground(at="host", native=(lan,), link="hostonly0")) == []
