"""macvlan: the container is on the host-only network itself, with a MAC and an address of its own.

The page of this demo is docs/demo-macvlan.md.
"""

from __future__ import annotations

from hostonly.claims.hello import hello_rises
from hostonly.claims.images import image_built
from hostonly.claims.links import address_own, neighbour_known, shim_gone, shim_reaches
from hostonly.claims.reach import SILENT, unreachable
from hostonly.facts import Observed, observe, select
from hostonly.facts.docker import container
from hostonly.facts.interfaces import interfaces
from hostonly.facts.neighbours import neighbours
from hostonly.facts.routes import route_to
from hostonly.site import SSH_PORT
from hostonly.stage.free_addresses import spare_addresses
from hostonly.stage.probes import connect, connect_once, start, wait_for_hello
from hostonly.stage.stage import Stage

SECOND_SANDBOX = True
NEEDS = ("macvlan",)

HELLO = "hello"
NAME = "macvlan"
NETWORK = "hello-macvlan"
PARENT = "eth1"
# A link has no label: it is recognised and removed by its name.
SHIM = "hostonly-shim"
REMOVE_SHIM = ("sudo", "ip", "link", "delete", SHIM)


def run(stage: Stage) -> None:
    """Put a container on eth1, see who reaches it, and give the sandbox a shim."""
    sandbox, second, port = stage.sandbox, stage.second_sandbox, stage.site.hello_port
    network, bridge = str(stage.site.bridge.network), stage.site.bridge.name
    other = stage.site.machine("sandbox2").address
    before = observe(sandbox, interfaces())
    if isinstance(before, Observed) and any(link.name == SHIM for link in before.value):
        # Left by an earlier run that was killed, or that was told to keep it.
        stage.step(sandbox, *REMOVE_SHIM)
    address, shim_address = spare_addresses(stage, second, PARENT, 2)
    over = ("-d", "macvlan", *stage.labels, "--subnet", network, "-o", f"parent={PARENT}")
    stage.step(sandbox, "docker", "network", "create", *over, NETWORK)
    start(stage, HELLO, NAME, "--network", NETWORK, "--ip", address)
    wait_for_hello(stage, HELLO)
    stage.step(sandbox, "docker", "exec", HELLO, "ip", "addr")

    from_host = connect(stage, stage.host, address, port)
    known = observe(stage.host, neighbours())
    from_second = connect(stage, second, address, port)
    from_sandbox = connect_once(stage, sandbox, address, port)
    control = connect_once(stage, sandbox, other, SSH_PORT)

    inside, outside = observe(stage.namespace(HELLO), interfaces()), observe(sandbox, interfaces())
    about: dict[str, object] = {"address": address, "port": port}
    stage.judge(
        image_built,
        about={"image_id": stage.image_id},
        container=observe(sandbox, container(HELLO)),
    )
    stage.judge(
        address_own,
        about={"address": address, "network": network},
        container=inside,
        sandbox=outside,
    )
    stage.judge(hello_rises, about={**about, "place": "host", "name": NAME}, answers=from_host)
    stage.judge(
        neighbour_known,
        about={"place": "host", "address": address, "device": bridge},
        neighbours=known,
        container=inside,
    )
    stage.judge(
        hello_rises, about={**about, "place": "second-sandbox", "name": NAME}, answers=from_second
    )
    stage.judge(
        unreachable,
        about={
            **about,
            "topic": "sandbox",
            "place": "sandbox",
            "target": "its own container",
            "expected": SILENT,
            "device": PARENT,
        },
        attempt=from_sandbox,
        control=control,
        way=observe(sandbox, route_to(address)),
        witness=select(from_second, lambda answers: answers[-1]),
    )
    _with_shim(stage, address, shim_address)


def _with_shim(stage: Stage, address: str, shim_address: str) -> None:
    """Judge the known remedy: a macvlan link of the sandbox itself, beside the container's."""
    sandbox, port = stage.sandbox, stage.site.hello_port
    stage.on_exit(sandbox, *REMOVE_SHIM)
    ip = ("sudo", "ip")
    stage.step(
        sandbox, *ip, "link", "add", SHIM, "link", PARENT, "type", "macvlan", "mode", "bridge"
    )
    stage.step(sandbox, *ip, "addr", "add", f"{shim_address}/32", "dev", SHIM)
    stage.step(sandbox, *ip, "link", "set", SHIM, "up")
    stage.step(sandbox, *ip, "route", "add", f"{address}/32", "dev", SHIM)
    way = observe(sandbox, route_to(address))
    answers = connect(stage, sandbox, address, port)
    stage.judge(
        shim_reaches,
        about={"shim": SHIM, "name": NAME, "address": address, "port": port},
        answers=answers,
        way=way,
    )
    if not stage.keep:
        stage.undo()
        stage.judge(
            shim_gone,
            about={"shim": SHIM, "address": address, "device": PARENT},
            sandbox=observe(sandbox, interfaces()),
            way=observe(sandbox, route_to(address)),
        )
