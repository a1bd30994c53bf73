"""The rows of the matrix: the network modes, and the containers that stand for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hostonly.site import Site

# Names in the engine; labels say whose they are.
PREFIX = "matrix-"
# A swarm's docker_gwbridge keeps its containers apart from each other, which is done by br_netfilter.
OVERLAY = ("vxlan", "br_netfilter")
BRIDGE = "bridge"


@dataclass(frozen=True, slots=True)
class Mode:
    """A row of the matrix, which needs the kernel's capabilities in ``needs``.

    ``options`` are those of ``docker run`` that make the mode; ``{port}`` and ``{address}`` are
    filled in. ``same`` and ``other`` name the ``PEERS`` that look at it from the same and from
    another network."""

    name: str
    options: str
    same: str
    other: str
    needs: tuple[str, ...] = ()

    @property
    def container(self) -> str:
        """The name of its container."""
        return PREFIX + self.name.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Peer:
    """A container that only looks; its network is made with ``network``.

    Those are options of ``docker network create``; None where the engine has the network already.
    """

    name: str
    options: str
    network: str | None = None
    needs: tuple[str, ...] = ()
    second: bool = False

    @property
    def container(self) -> str:
        """The name of its container."""
        return f"{PREFIX}peer-{self.name}"

    @property
    def network_name(self) -> str:
        """The name of its network, where we make it."""
        return PREFIX + self.name


MODES = (
    Mode("bridge", "", BRIDGE, "user"),
    Mode("published", "-p {port}:{port}", BRIDGE, "user"),
    Mode("on loopback", "-p 127.0.0.1:{port}:{port}", BRIDGE, "user"),
    Mode("host", "--network host", "host", BRIDGE),
    Mode("none", "--network none", "none", BRIDGE),
    Mode("container", f"--network container:{PREFIX}bridge", BRIDGE, "user"),
    Mode("user bridge", f"--network {PREFIX}user", "user", BRIDGE),
    Mode("internal", f"--network {PREFIX}internal", "internal", BRIDGE),
    Mode(
        "macvlan",
        f"--network {PREFIX}macvlan --ip {{address}}",
        "macvlan",
        BRIDGE,
        needs=("macvlan",),
    ),
    Mode("overlay", f"--network {PREFIX}overlay", "overlay", BRIDGE, needs=OVERLAY),
)
PEERS = (
    Peer(BRIDGE, ""),
    Peer("host", "--network host"),
    Peer("none", "--network none"),
    Peer("user", f"--network {PREFIX}user", network=""),
    Peer("internal", f"--network {PREFIX}internal", network="--internal"),
    Peer(
        "macvlan",
        f"--network {PREFIX}macvlan --ip {{address}}",
        network="--driver macvlan --subnet {subnet} --opt parent={link}",
        needs=("macvlan",),
    ),
    Peer(
        "overlay",
        f"--network {PREFIX}overlay",
        network="--driver overlay --attachable",
        needs=OVERLAY,
        second=True,
    ),
)


def free_ports(taken: Iterable[int], count: int, site: Site) -> tuple[int, ...]:
    """Return ``count`` ports above HelloSocket's (else from 20000 on), not ``taken`` or our own."""
    used = {*taken, site.hello_port, site.registry_port}
    first = site.hello_port if site.hello_port + 10 * count < 65536 else 20000
    return tuple(port for port in range(first, 65536) if port not in used)[:count]
