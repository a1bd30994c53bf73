"""IPv6: a bridge network with addresses of its own, reached from the sandbox and, published, from
the host.

The page that goes with it is docs/demo-ipv6.md.
"""

from __future__ import annotations

from functools import partial

from hostonly.claims import Claim
from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.ipv6 import address_ipv6, ipv6_forwarding, ipv6_published
from hostonly.claims.reach import route_absent
from hostonly.demos.probes import connect, start, wait_for_hello
from hostonly.demos.stage import Stage, Stopped
from hostonly.facts import Fact, NotObserved, Observed
from hostonly.facts.docker import observe_container
from hostonly.facts.engine import observe_engine
from hostonly.facts.firewall import observe_firewall
from hostonly.facts.interfaces import Interface, observe_interfaces, observe_tentative
from hostonly.facts.ipv6 import observe_ipv6_off
from hostonly.facts.kernel import observe_capability
from hostonly.facts.listeners import observe_listeners
from hostonly.facts.routes import observe_routes, route_to
from hostonly.facts.sysctl import FORWARDING6, observe_sysctl
from hostonly.vantages import Vantage

HELLO = "hello"
NAME = "ipv6"
NETWORK = "hello-ipv6"
# Of the range that everybody may use without asking (RFC 4193); its number spells "host".
SUBNET = "fd68:6f73:7400::/64"
HOST_ONLY = "eth1"
# What is not tried where the sandbox has no IPv6, and where only the way from the host has none.
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
    """Make the network, look who reaches the container and how, and put forwarding back."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    capable = observe_capability(sandbox, "ipv6")
    if isinstance(capable, Observed) and not capable.value:
        _skip(stage, _EVERY, Observed("this kernel has no IPv6", capable.evidence))
        return
    stage.require_free_port(port)
    forwarded = observe_sysctl(sandbox, FORWARDING6)
    if isinstance(forwarded, Observed) and forwarded.value == 0:
        stage.on_exit(sandbox, "sudo", "sysctl", "-w", f"{FORWARDING6}=0")
    create = ("docker", "network", "create", "--ipv6", "--subnet", SUBNET, *stage.labels)
    created = stage.step(sandbox, *create, NETWORK)
    start(stage, HELLO, NAME, "--network", NETWORK, "-p", f"{port}:{port}")
    wait_for_hello(stage, HELLO)
    for place in (sandbox, stage.namespace(HELLO)):
        stage.wait_until(
            partial(observe_tentative, place),
            lambda addresses: not addresses,
            f"waiting until {place.name} may use its addresses",
        )
    stage.step(sandbox, "docker", "exec", HELLO, "ip", "-6", "addr")
    stage.step(sandbox, "docker", "exec", HELLO, "ip", "-6", "route")
    container, own = observe_container(sandbox, HELLO), _own_address(stage)
    stage.judge(image_built, about={"image_id": stage.image_id}, container=container)
    stage.judge(ipv6_forwarding, before=forwarded, after=observe_sysctl(sandbox, FORWARDING6))
    links = observe_interfaces(sandbox)
    # As the engine calls the bridge of a network that was given no name for it.
    bridge = f"br-{created.stdout.strip()[:12]}"
    without = _without(sandbox, bridge, links, scope="global")
    if without is not None:
        _skip(stage, _EVERY, without)
        return
    inside = stage.namespace(HELLO)
    stage.judge(
        address_ipv6,
        about={"subnet": SUBNET},
        container=observe_interfaces(inside),
        routes=observe_routes(inside, family=6),
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
        stage.host, ours, observe_interfaces(stage.host)
    )
    if without is not None:
        _skip(stage, _FROM_HOST, without)
    elif isinstance(links, Observed) and (local := address6(links.value, HOST_ONLY)):
        _from_host(stage, own, local)


def address6(links: tuple[Interface, ...], name: str, scope: str = "link") -> str | None:
    """The IPv6 address of the link ``name`` that has this ``scope``; None where it has none."""
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
    """Why the link ``name``, one of ``links``, has no IPv6 address of this ``scope``; None where it has.

    Raises:
        Stopped: that could not be found out.
    """
    if isinstance(links, NotObserved):
        raise Stopped(f"the {at.name}'s links: not observed: {links.because}", links.evidence)
    if address6(links.value, name, scope) is not None:
        return None
    off = observe_ipv6_off(at, name)
    if isinstance(off, NotObserved):
        raise Stopped(f"why {name} has no IPv6: not observed: {off.because}", off.evidence)
    because = off.value or (
        f"the {at.name}'s {name} has no IPv6 address of scope {scope}, although IPv6 is not switched off on"
        " it: `ip addr flush` or addrgenmode none"
    )
    return Observed(because, (*links.evidence, *off.evidence))


def _own_address(stage: Stage) -> str:
    container = observe_container(stage.sandbox, HELLO)
    if isinstance(container, Observed):
        for end in container.value.endpoints:
            if end.address6 is not None:
                return end.address6
    because = "" if isinstance(container, Observed) else f": {container.because}"
    raise Stopped(f"no IPv6 address of {HELLO} was observed{because}", container.evidence)


def _from_host(stage: Stage, own: str, local: str) -> None:
    """By the sandbox's address on the host-only link, the only one of IPv6 that host and sandbox
    share: it names its link, so that no packet can leave by another."""
    sandbox, port, bridge = stage.sandbox, stage.site.hello_port, stage.site.bridge.name
    before = observe_firewall(sandbox, version=6)
    answers = connect(stage, stage.host, f"{local}%{bridge}", port)
    after = observe_firewall(sandbox, version=6)
    about: dict[str, object] = {"name": NAME, "port": port}
    stage.judge(
        hello_rises,
        about={**about, "place": "host", "address": f"[{local}%{bridge}]"},
        answers=answers,
    )
    stage.judge(
        ipv6_published,
        about={"port": port},
        engine=observe_engine(sandbox),
        container=observe_container(sandbox, HELLO),
        listeners=observe_listeners(sandbox),
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
        way=route_to(stage.host, own),
    )


def _skip(
    stage: Stage, claims: tuple[tuple[Claim, dict[str, object]], ...], because: Observed[str]
) -> None:
    about: dict[str, object] = {"name": NAME, "port": stage.site.hello_port}
    for claim, these in claims:
        stage.skip(claim, because.value, about={**about, **these}, evidence=because.evidence)
