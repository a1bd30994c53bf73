"""ipvlan: a container on the host-only network with its own address and the sandbox's MAC.

The page of this demo is docs/demo-ipvlan.md.
"""

from __future__ import annotations

from typing import Any

from hostonly.claims import Claim
from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.links import address_shared_mac, neighbour_known
from hostonly.claims.reach import SILENT, unreachable
from hostonly.facts import Fact, observe, select
from hostonly.facts.docker import container
from hostonly.facts.interfaces import interfaces
from hostonly.facts.kernel import capability, missing
from hostonly.facts.neighbours import neighbours
from hostonly.facts.routes import route_to
from hostonly.site import SSH_PORT
from hostonly.stage.free_addresses import candidates, spare_addresses
from hostonly.stage.probes import connect, connect_once, start, wait_for_hello
from hostonly.stage.stage import Stage

HELLO = "hello"
NAME = "ipvlan"
NETWORK = "hello-ipvlan"
PARENT = "eth1"


def run(stage: Stage) -> None:
    """Ask the kernel for ipvlan; if it is there, put a container on eth1 and see who reaches it."""
    sandbox = stage.sandbox
    network = str(stage.site.bridge.network)
    capable = stage.probe(observe(sandbox, capability("ipvlan")))
    if not capable.value_or(True):
        address = next(candidates(stage.site.bridge.network, stage.site.addresses))
        for claim, about in _claims(stage, address):
            stage.skip(claim, missing("ipvlan"), about=about, evidence=capable.evidence)
        return
    second, port = stage.second_sandbox, stage.site.hello_port
    (address,) = spare_addresses(stage, second, PARENT, 1)
    over = ("-d", "ipvlan", *stage.labels, "--subnet", network, "-o", f"parent={PARENT}")
    stage.step(sandbox, "docker", "network", "create", *over, NETWORK)
    start(stage, HELLO, NAME, "--network", NETWORK, "--ip", address)
    wait_for_hello(stage, HELLO)
    stage.step(sandbox, "docker", "exec", HELLO, "ip", "addr")
    from_host = connect(stage, stage.host, address, port)
    known = observe(stage.host, neighbours())
    from_second = connect(stage, second, address, port)
    attempt = connect_once(stage, sandbox, address, port)
    control = connect_once(stage, sandbox, stage.site.machine("sandbox2").address, SSH_PORT)
    inside = observe(stage.namespace(HELLO), interfaces())
    facts: tuple[dict[str, Fact[Any]], ...] = (
        {"container": observe(sandbox, container(HELLO))},
        {"container": inside, "sandbox": observe(sandbox, interfaces())},
        {"answers": from_host},
        {"neighbours": known, "container": inside},
        {"answers": from_second},
        {
            "attempt": attempt,
            "control": control,
            "way": observe(sandbox, route_to(address)),
            "witness": select(from_second, lambda answers: answers[-1]),
        },
    )
    for (claim, about), these in zip(_claims(stage, address), facts, strict=True):
        stage.judge(claim, about=about, **these)


def _claims(stage: Stage, address: str) -> list[tuple[Claim, dict[str, object]]]:
    """Return the claims, judged or skipped, about a container at ``address``."""
    bridge, port = stage.site.bridge, stage.site.hello_port
    at: dict[str, object] = {"address": address, "port": port}
    on: dict[str, object] = {"address": address, "network": str(bridge.network)}
    away: dict[str, object] = {
        "topic": "sandbox",
        "place": "sandbox",
        "target": "its own container",
    }
    return [
        (image_built, {"image_id": stage.image_id}),
        (address_shared_mac, {**on, "parent": PARENT}),
        (hello_rises, {**at, "place": "host", "name": NAME}),
        (neighbour_known, {"place": "host", "address": address, "device": bridge.name}),
        (hello_rises, {**at, "place": "second-sandbox", "name": NAME}),
        (unreachable, {**at, **away, "expected": SILENT, "device": PARENT}),
    ]
