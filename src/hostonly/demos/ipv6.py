"""A bridge network with IPv6, reached from the sandbox and, by a published port, from the host.

The page of this demo is docs/demo-ipv6.md.
"""

from __future__ import annotations

from functools import partial

from hostonly.claims import Claim
from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.ipv6 import address_ipv6, ipv6_forwarding, ipv6_published
from hostonly.claims.reach import route_absent
from hostonly.facts import Fact, Observed, observe
from hostonly.facts.docker import container
from hostonly.facts.engine import engine
from hostonly.facts.firewall import firewall
from hostonly.facts.interfaces import Interface, interfaces, tentative
from hostonly.facts.ipv6 import ipv6_off
from hostonly.facts.kernel import capability
from hostonly.facts.listeners import listeners
from hostonly.facts.routes import route_to, routes
from hostonly.facts.sysctl import FORWARDING6, sysctl
from hostonly.stage.probes import connect, start, wait_for_hello
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped, require
from hostonly.vantages import Vantage

HELLO = "hello"
NAME = "ipv6"
NETWORK = "hello-ipv6"
# A range that everybody may use without asking (RFC 4193); its number spells "host".
SUBNET = "fd68:6f73:7400::/64"
HOST_ONLY = "eth1"
# The claims that are skipped without IPv6: all, or those about the way from the host.
_FROM_HOST: tuple[tuple[Claim, dict[str, object]], ...] = (
    (hello_rises, {"place": "host", "address": "[the sandbox's address]"}),
    (ipv6_published, {}),
)
_EVERY: tuple[tuple[Claim, dict[str, object]], ...] = (
    (address_ipv6, {"subnet": SUBNET}),
    (hello_rises, {"place": "sandbox", "address": "[the container's address]"}),
    *_FROM_HOST,
)


def run(stage: Stage) -> None:
    """Make the network, judge who reaches the container and how, and put forwarding back."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    capable = observe(sandbox, capability("ipv6"))
    if not capable.value_or(True):
        _skip(stage, _EVERY, Observed("this kernel has no IPv6", capable.evidence))
        return
    stage.require_free_port(port)
    forwarded = observe(sandbox, sysctl(FORWARDING6))
    if forwarded.value_or(1) == 0:
        stage.on_exit(sandbox, "sudo", "sysctl", "-w", f"{FORWARDING6}=0")
    create = ("docker", "network", "create", "--ipv6", "--subnet", SUBNET, *stage.labels)
    created = stage.step(sandbox, *create, NETWORK)
    start(stage, HELLO, NAME, "--network", NETWORK, "-p", f"{port}:{port}")
    wait_for_hello(stage, HELLO)
    for place in (sandbox, stage.namespace(HELLO)):
        stage.wait_until(
            partial(observe, place, tentative()),
            lambda addresses: not addresses,
            f"waiting until {place.name} may use its addresses",
        )
    stage.step(sandbox, "docker", "exec", HELLO, "ip", "-6", "addr")
    stage.step(sandbox, "docker", "exec", HELLO, "ip", "-6", "route")
    hello, own = observe(sandbox, container(HELLO)), _own_address(stage)
    stage.judge(image_built, about={"image_id": stage.image_id}, container=hello)
    stage.judge(ipv6_forwarding, before=forwarded, after=observe(sandbox, sysctl(FORWARDING6)))
    links = observe(sandbox, interfaces())
    # The engine's name for the bridge of a network whose options give none.
    bridge = f"br-{created.stdout.strip()[:12]}"
    without = _without(sandbox, bridge, links, scope="global")
    if without is not None:
        _skip(stage, _EVERY, without)
        return
    inside = stage.namespace(HELLO)
    stage.judge(
        address_ipv6,
        about={"subnet": SUBNET},
        container=observe(inside, interfaces()),
        routes=observe(inside, routes(6)),
        sandbox=links,
    )
    about: dict[str, object] = {"name": NAME, "port": port}
    stage.judge(
        hello_rises,
        about={**about, "place": "sandbox", "address": f"[{own}]"},
        answers=connect(stage, sandbox, own, port),
    )
    ours = stage.site.bridge.name
    without = _without(sandbox, HOST_ONLY, links) or _without(
        stage.host, ours, observe(stage.host, interfaces())
    )
    if without is not None:
        _skip(stage, _FROM_HOST, without)
    elif isinstance(links, Observed) and (local := address6(links.value, HOST_ONLY)):
        _from_host(stage, own, local)


def address6(links: tuple[Interface, ...], name: str, scope: str = "link") -> str | None:
    """Return the IPv6 address of the link ``name`` that has this ``scope``; None if it has none."""
    return next(
        (
            str(address.value.ip)
            for link in links
            if link.name == name
            for address in link.addresses
            if address.value.version == 6 and address.scope == scope
        ),
        None,
    )


def _without(
    at: Vantage, name: str, links: Fact[tuple[Interface, ...]], *, scope: str = "link"
) -> Observed[str] | None:
    """Return why the link ``name`` of ``links`` has no IPv6 address of this ``scope``.

    None where it has one.

    Raises:
        Stopped: that could not be found out.
    """
    if address6(require(links, f"the {at.name}'s links"), name, scope) is not None:
        return None
    off = observe(at, ipv6_off(name))
    because = require(off, f"why {name} has no IPv6") or (
        f"the {at.name}'s {name} has no IPv6 address of scope {scope}, although IPv6 is not switched off on"
        " it: `ip addr flush` or addrgenmode none"
    )
    return Observed(because, (*links.evidence, *off.evidence))


def _own_address(stage: Stage) -> str:
    hello = observe(stage.sandbox, container(HELLO))
    if isinstance(hello, Observed):
        for end in hello.value.endpoints:
            if end.address6 is not None:
                return end.address6
    because = "" if isinstance(hello, Observed) else f": {hello.because}"
    raise Stopped(f"no IPv6 address of {HELLO} was observed{because}", hello.evidence)


def _from_host(stage: Stage, own: str, local: str) -> None:
    """Connect from the host to the sandbox's link-local address and judge the claims about it.

    It is the only IPv6 address that host and sandbox share, and it names its link: no packet can
    leave by another.
    """
    sandbox, port, bridge = stage.sandbox, stage.site.hello_port, stage.site.bridge.name
    before = observe(sandbox, firewall(6))
    answers = connect(stage, stage.host, f"{local}%{bridge}", port)
    after = observe(sandbox, firewall(6))
    about: dict[str, object] = {"name": NAME, "port": port}
    stage.judge(
        hello_rises,
        about={**about, "place": "host", "address": f"[{local}%{bridge}]"},
        answers=answers,
    )
    stage.judge(
        ipv6_published,
        about={"port": port},
        engine=observe(sandbox, engine()),
        container=observe(sandbox, container(HELLO)),
        listeners=observe(sandbox, listeners()),
        before=before,
        after=after,
        answers=answers,
    )
    stage.judge(
        route_absent,
        about={
            "place": "host",
            "target": "the container",
            "address": own,
            "gateway": local,
            "device": bridge,
        },
        way=observe(stage.host, route_to(own)),
    )


def _skip(
    stage: Stage, claims: tuple[tuple[Claim, dict[str, object]], ...], because: Observed[str]
) -> None:
    about: dict[str, object] = {"name": NAME, "port": stage.site.hello_port}
    for claim, these in claims:
        stage.skip(claim, because.value, about={**about, **these}, evidence=because.evidence)
