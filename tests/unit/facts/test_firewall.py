"""Firewall rules, read from captured output of iptables-save -c."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import NotObserved, Observed, Unreadable
from hostonly.facts.firewall import Option, observe_firewall, parse
from hostonly.facts.ports import ports_in, rewritten_to
from hostonly.vantages import Result

Captured = Callable[[str], str]


def test_tables_chains_and_rules(captured: Captured) -> None:
    firewall = parse(captured("firewall/hard-to-read.txt"))
    assert firewall.tables == ("filter", "nat")
    assert firewall.policy("filter", "FORWARD") == "ACCEPT"
    assert firewall.policy("filter", "NONE") is None
    assert [rule.chain for rule in firewall.rules_in("nat")] == ["PREROUTING"] * 3 + ["OUTPUT"]
    assert len(firewall.rules_in("nat", "OUTPUT")) == 1
    assert firewall.rules_in("raw") == ()


def test_a_rule_in_its_parts(captured: Captured) -> None:
    multiport, redirect, quoted, counting = parse(captured("firewall/hard-to-read.txt")).rules_in(
        "nat"
    )
    assert multiport.match("--dports") == Option("--dports", ("80,8000:9000",))
    assert multiport.match("--comment") == Option("--comment", ("--dport 8080",))
    assert multiport.match("--dport") is None
    assert (multiport.target, multiport.option("--to-destination")) == ("DNAT", "10.9.0.9:81")
    # The comment is `-j`, and iptables-save does not quote it.
    assert redirect.match("--comment") == Option("--comment", ("-j",))
    assert redirect.match("--dport") == Option("--dport", ("8080",), negated=True)
    assert (redirect.target, redirect.option("--to-ports")) == ("REDIRECT", "7000-7100")
    assert quoted.match("--comment") == Option("--comment", ('say "8080" \\\\ x',))
    assert [option.name for option in quoted.options] == [
        "--to-destination",
        "--random",
        "--persistent",
    ]
    assert counting.target is None
    assert counting.match("--tcp-flags") == Option("--tcp-flags", ("SYN,ACK", "SYN"))
    assert counting.match("-d") == Option("-d", ("127.0.0.0/8",), negated=True)
    assert counting.text.startswith("-A OUTPUT ! -d 127.0.0.0/8 ")


def test_counters() -> None:
    (rule,) = parse(
        "*nat\n[12:720] -A DOCKER -p tcp -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n"
    ).rules
    assert (rule.packets, rule.bytes, rule.protocol) == (12, 720, "tcp")


def test_ipv6(captured: Captured) -> None:
    firewall = parse(captured("firewall/ipv6.txt"), 6)
    (rule,) = firewall.rules_in("nat")
    assert (rule.version, rule.option("--to-destination")) == (6, "[fd00::1]:8080")


def test_no_rule_at_all() -> None:
    assert parse("").rules == ()


def test_a_table_that_was_not_shown_is_not_empty(captured: Captured) -> None:
    # iptables-save ended with status 0 here.
    with pytest.raises(Unreadable, match="Table `raw' is incompatible"):
        parse(captured("firewall/incompatible.txt"))


@pytest.mark.parametrize(
    "output",
    [
        "*nat\n:PREROUTING ACCEPT [0:0]\n",
        "[0:0] -A INPUT -j ACCEPT\n",
        "*nat\nwhat\nCOMMIT\n",
        "*nat\n-A INPUT -j ACCEPT\nCOMMIT\n",
        '*nat\n[0:0] -A INPUT -m comment --comment "open -j ACCEPT\nCOMMIT\n',
        "*nat\n[0:0] -A INPUT stray -j ACCEPT\nCOMMIT\n",
        "*nat\n[0:0] -A INPUT -j\nCOMMIT\n",
    ],
)
def test_unreadable(output: str) -> None:
    with pytest.raises(Unreadable):
        parse(output)


class Says:
    """A sandbox where iptables-save ends like this."""

    name = prompt = "sandbox"

    def __init__(self, exit: int, stdout: str = "", stderr: str = "") -> None:
        self.answer = Result(
            "sandbox", "sandbox", "sudo iptables-save -c", exit, stdout, stderr, 0.0
        )

    def run(self, argv: object, *, stdin: str | None = None, timeout: float = 30.0) -> Result:
        return self.answer


def test_not_observed_is_never_empty() -> None:
    assert isinstance(observe_firewall(Says(0)), Observed)
    refused = observe_firewall(
        Says(126, stderr="sudo: unable to execute iptables-save: Permission denied\n")
    )
    assert isinstance(refused, NotObserved) and "Permission denied" in refused.because
    hidden = observe_firewall(
        Says(
            0,
            "*nat\nCOMMIT\n",
            "# Warning: iptables-legacy tables present, use iptables-legacy-save\n",
        )
    )
    assert isinstance(hidden, NotObserved) and "iptables-legacy" in hidden.because


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("8080", [8080], [8079, 8081, 80]),
        ("8000:8080", [8000, 8080], [7999, 8081]),
        ("8000-8080", [8000, 8080], [7999, 8081]),
        ("80,443,8000:8010", [80, 443, 8005], [81, 8011]),
        ("8000:", [8000, 65535], [7999]),
        (":80", [0, 80], [81]),
    ],
)
def test_ports(written: str, inside: list[int], outside: list[int]) -> None:
    ports = ports_in(written)
    assert all(port in ports for port in inside)
    assert not any(port in ports for port in outside)


@pytest.mark.parametrize("written", ["", "http", "80,", "1:2:3", "80:http"])
def test_unreadable_ports(written: str) -> None:
    with pytest.raises(Unreadable):
        ports_in(written)


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("172.17.0.2:8080", "172.17.0.2", 8080),
        ("172.17.0.2", "172.17.0.2", None),
        ("172.17.0.2-172.17.0.9:80-90", "172.17.0.2-172.17.0.9", 85),
        ("[fd00::2]:8080", "fd00::2", 8080),
        (":8080", "", 8080),
    ],
)
def test_destinations(written: str, host: str, port: int | None) -> None:
    address, ports = rewritten_to(written)
    assert address == host
    assert (ports is None) if port is None else (ports is not None and port in ports)
