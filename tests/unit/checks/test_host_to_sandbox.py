"""check.host-to-sandbox on a healthy sandbox with containers that publish this and that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from hostonly.checks import host_to_sandbox
from hostonly.checks.host_to_sandbox import HELLO_PROCESSES
from hostonly.claims import Verdict
from hostonly.facts import NotObserved, Observed
from hostonly.facts.firewall import parse
from hostonly.facts.http import HttpAnswer
from hostonly.facts.listeners import Holder, Listener
from hostonly.facts.reach import Outcome, Reach
from hostonly.site import Site
from hostonly.stage.judge import Judge

SSHD = Listener("tcp", "0.0.0.0", 22, (Holder("sshd", 7),))
REFUSED, CONNECTED = Reach(Outcome.REFUSED), Reach(Outcome.EMPTY)
HELLO = Reach(Outcome.ANSWERS, "Hello t! (1)\n")
OTHER = Reach(Outcome.ANSWERS, "220 welcome\r\n")


def listens(address: str, port: int, name: str = "docker-proxy") -> Listener:
    return Listener("tcp", address, port, (Holder(name, 8),))


def published(name: str, image: str, port: int, inside: int, at: str = "0.0.0.0") -> str:
    ports = f'{{"IP": "{at}", "PrivatePort": {inside}, "PublicPort": {port}, "Type": "tcp"}}'
    return f'{{"Names": ["/{name}"], "Image": "{image}", "Ports": [{ports}]}}'


def verdicts(
    site: Site,
    reach: Reach = REFUSED,
    listeners: tuple[Listener, ...] = (),
    rules: tuple[str, ...] = (),
    containers: tuple[str, ...] = (),
) -> dict[str, tuple[Verdict, str]]:
    """Of the claims about ports and HelloSocket: the verdicts, and why."""
    nat = ["*nat", ":DOCKER - [0:0]", *(f"[0:0] -A DOCKER {rule}" for rule in rules), "COMMIT", ""]
    nobody = NotObserved("of no interest here")
    inside: dict[str, Any] = {
        **dict.fromkeys(("hostname", "failed units", "interfaces", "engine", "registry"), nobody),
        "listeners": Observed((SSHD, *listeners), ()),
        "udp": Observed((), ()),
        "firewall": Observed(parse("\n".join(nat)), ()),
        "containers": Observed(HttpAnswer(200, (), f"[{', '.join(containers)}]"), ()),
    }
    outside: dict[str, Any] = {
        "registry": nobody,
        **{f"port {port}": Observed(REFUSED, ()) for port in (2375, 2376)},
        **{f"port {port}": Observed(CONNECTED, ()) for port in (22, 5000)},
        "port 8080": Observed(reach, ()),
    }
    judged = Judge(lambda event: None)
    machine = cast(Any, SimpleNamespace(name="sandbox", address="172.16.0.2"))
    host_to_sandbox.judge(judged, site, machine, outside, inside, nobody)
    wanted = ("ports.closed", "hello.host", "listeners.expected", "published.held")
    return {each.id: (each.verdict, each.because) for each in judged.claims if each.id in wanted}


OURS = "localhost:5000/hello-socket"
TO = "-j DNAT --to-destination 172.17.0.2"


@pytest.mark.parametrize(
    ("listeners", "rules", "containers"),
    [
        # -p 9001:8080: packets to another port, rewritten to this one.
        (
            (listens("0.0.0.0", 9001),),
            (f"! -i docker0 -p tcp -m tcp --dport 9001 {TO}:8080",),
            (published("other", OURS, 9001, 8080),),
        ),
        ((listens("[::1]", 8080, "nc"),), (), ()),
        ((listens("[::ffff:127.0.0.1]", 8080, "nc"),), (), ()),
        # -p 172.17.0.1:8080:8080
        (
            (listens("172.17.0.1", 8080),),
            (f"-d 172.17.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8080 {TO}:8080",),
            (published("inner", OURS, 8080, 8080, "172.17.0.1"),),
        ),
    ],
)
def test_the_port_is_not_offered_to_the_host(
    site: Site,
    listeners: tuple[Listener, ...],
    rules: tuple[str, ...],
    containers: tuple[str, ...],
) -> None:
    found = verdicts(site, REFUSED, listeners, rules, containers)
    assert found.pop("hello.host")[0] is Verdict.SKIPPED
    assert {verdict for verdict, _ in found.values()} == {Verdict.HOLDS}, found


@pytest.mark.parametrize("process", sorted(HELLO_PROCESSES))
def test_it_is_offered_in_host_mode_in_both_flavours(site: Site, process: str) -> None:
    found = verdicts(site, HELLO, (listens("*", 8080, process),))
    assert {verdict for verdict, _ in found.values()} == {Verdict.HOLDS}, found


PUBLISHED = f"! -i docker0 -p tcp -m tcp --dport 8080 {TO}:80"


@pytest.mark.parametrize(
    ("image", "reach", "verdict"),
    [
        ("nginx", REFUSED, Verdict.SKIPPED),
        ("nginx:1.25", OTHER, Verdict.SKIPPED),
        ("example.org:5000/team/nginx@sha256:" + "a" * 64, CONNECTED, Verdict.SKIPPED),
        ("example.org/renamed", HELLO, Verdict.HOLDS),
        # HelloSocket's own image, or one that may be: its answer counts.
        (OURS, OTHER, Verdict.FAILS),
        (f"{OURS}:python", CONNECTED, Verdict.FAILS),
        ("sha256:" + "b" * 64, OTHER, Verdict.FAILS),
        ("0123456789ab", OTHER, Verdict.FAILS),
    ],
)
def test_another_server_at_its_port(site: Site, image: str, reach: Reach, verdict: Verdict) -> None:
    listing = (published("web", image, 8080, 80),)
    found = verdicts(site, reach, (listens("0.0.0.0", 8080),), (PUBLISHED,), listing)
    assert found["hello.host"][0] is verdict
    assert verdict is not Verdict.SKIPPED or f"container web ({image})" in found["hello.host"][1]
    assert found["listeners.expected"][0] is found["published.held"][0] is Verdict.HOLDS


@pytest.mark.parametrize("at", ["", "-d 172.16.0.2/32 "])
def test_a_docker_proxy_that_is_gone_is_named(site: Site, at: str) -> None:
    listing = (published("hello", OURS, 8080, 80),)
    found = verdicts(site, HELLO, (), (at + PUBLISHED,), listing)
    assert found["hello.host"][0] is Verdict.HOLDS
    assert found["published.held"][0] is Verdict.FAILS
    assert "no docker-proxy holds 8080 for hello" in found["published.held"][1]
