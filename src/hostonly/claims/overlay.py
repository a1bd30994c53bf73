"""Claims about an overlay network over two sandboxes: what carries it, and that it goes away."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.images import image_built
from hostonly.facts.docker import DockerContainer, DockerNetwork
from hostonly.facts.engine import EngineInfo
from hostonly.facts.interfaces import Interface
from hostonly.facts.listeners import Listener
from hostonly.facts.names import Lookup
from hostonly.facts.reach import Reach
from hostonly.facts.routes import ChosenRoute
from hostonly.facts.vxlan import PORT, Frame

# The bridge by which containers on overlay networks reach what is not on the overlay.
GATEWAY = "docker_gwbridge"
# What is listened on while a machine is a member: management, gossip, and the kernel's VXLAN.
SWARM_PORTS = frozenset({2377, 7946, PORT})


@claim(
    "overlay.attachable",
    "{name} is an attachable overlay network that spans both sandboxes, {first} and {second}.",
    source="Docker manual, Overlay network driver",
)
def overlay_attachable(*, name: str, first: str, second: str, network: DockerNetwork) -> Judgement:
    """Holds when the network is an attachable, unencrypted overlay with both sandboxes as peers."""
    if network.driver != "overlay" or not network.attachable:
        kind = "attachable" if network.attachable else "not attachable"
        return Judgement(False, f"{name} is {network.driver}, {kind}")
    if "encrypted" in dict(network.options):
        return Judgement(False, f"{name} is encrypted")
    peers = ", ".join(network.peers) or "none"
    return Judgement(set(network.peers) == {first, second}, f"its peers are {peers}")


@claim(
    "images.built",
    "Both containers run the image that was built here.",
    source="docker container inspect: Image",
)
def images_built(*, image_id: str, containers: tuple[DockerContainer, ...]) -> Judgement:
    """Holds when each of two containers has the image with the id of what was built."""
    if len(containers) != 2:
        return Judgement(None, f"{len(containers)} containers were looked at")
    for each in containers:
        judgement = image_built.check(image_id=image_id, container=each)
        if not judgement.holds:
            return Judgement(False, f"{each.name}: {judgement.because}")
    return Judgement(True, f"the image of both is {image_id}")


@claim(
    "route.absent",
    "From the host no route to {addresses}, the containers' addresses, leads to the sandboxes.",
    source="Docker manual, Overlay network driver; ip-route(8)",
)
def routes_absent(
    *, addresses: str, device: str, gateways: frozenset[str], ways: tuple[ChosenRoute | None, ...]
) -> Judgement:
    """Holds when the host's kernel would send no packet for ``addresses`` towards the sandboxes.

    That is by ``device``, the host-only bridge, or to one of ``gateways``, the sandboxes. Nothing
    is sent: on other networks the addresses may be somebody else's."""
    if len(ways) != len(addresses.split(" and ")):
        return Judgement(None, f"{len(ways)} routes were asked for")
    for way in ways:
        if way is not None and (way.device == device or way.gateway in gateways):
            via = f" via {way.gateway}" if way.gateway else ""
            return Judgement(False, f"a packet to {way.address} would leave by {way.device}{via}")
    leave = ", ".join("nowhere" if way is None else f"by {way.device}" for way in ways)
    return Judgement(True, f"packets there would leave {leave}")


@claim(
    "name.{topic}",
    "By its name {name}, {what} is found from {place}.",
    source="Docker manual, Overlay network driver: container discovery",
)
def name_across(
    *,
    topic: str,
    name: str,
    what: str,
    place: str,
    network: str,
    lookup: Lookup,
    containers: tuple[DockerContainer, ...],
) -> Judgement:
    """Holds when the lookup gave exactly the addresses of ``containers`` on ``network``.

    Each container must have one address there. The order does not matter."""
    wanted = {
        end.address for each in containers for end in each.endpoints if end.network == network
    }
    found = f"{name} is {lookup}"
    if not containers or len(wanted) != len(containers) or None in wanted:
        return Judgement(None, f"{found}; not every container has an address on {network}")
    listed = ", ".join(sorted(address or "" for address in wanted))
    return Judgement(set(lookup.addresses) == wanted, f"{found}; to be found was {listed}")


@claim(
    "vxlan.path",
    "The containers' packets go as VXLAN, udp/4789, by {device} between {first} and {second} only.",
    source="Docker manual, Overlay network driver; RFC 7348",
)
def vxlan_path(
    *,
    device: str,
    first: str,
    second: str,
    port: int,
    at_first: tuple[Frame, ...],
    at_second: tuple[Frame, ...],
) -> Judgement:
    """Holds when VXLAN goes by ``device`` between the two sandboxes only, and brings answers.

    Each sandbox must have sent packets to the other and got the other's; none may be seen on
    another link or with another address; what came for the containers' ``port`` must be answered.
    Fails with the direction that is missing.

    An incoming packet is seen on the link before a firewall drops it: only the missing answer
    tells."""
    for place, frames in ((first, at_first), (second, at_second)):
        for frame in frames:
            if frame.interface != device or {frame.source, frame.destination} != {first, second}:
                seen = f"{frame.source} to {frame.destination} by {frame.interface}"
                return Judgement(False, f"{place} saw a VXLAN packet from {seen}")
    sent = {first: _count(at_first, "Out", first), second: _count(at_second, "Out", second)}
    came = {first: _count(at_first, "In", second), second: _count(at_second, "In", first)}
    found = "; ".join(f"{each} sent {sent[each]} and got {came[each]}" for each in (first, second))
    for source, target in ((first, second), (second, first)):
        if sent[source] and not came[target]:
            lost = f"udp/{PORT} from {source} does not arrive at {target}"
            return Judgement(False, f"{lost}: {found}")
    silent = [place for place in (first, second) if not sent[place]]
    if silent:
        lost = f"no udp/{PORT} packet left {' nor '.join(silent)} by {device}"
        return Judgement(False, f"{lost}: {found}")
    for target, frames in ((first, at_first), (second, at_second)):
        unanswered = _unanswered(frames, port)
        if unanswered:
            lost = f"udp/{PORT} comes to {target}, and {unanswered} behind it does not answer"
            return Judgement(False, f"{lost}: {found}")
    networks = {frame.network for frame in (*at_first, *at_second)}
    numbers = ", ".join(str(number) for number in networks)
    return Judgement(None not in networks, f"{found}; VXLAN network {numbers}")


def _unanswered(frames: tuple[Frame, ...], port: int) -> str | None:
    """Returns an address and ``port`` that packets came in for and that never answered."""
    called = {f.inner for f in frames if f.direction == "In" and f.inner is not None}
    answered = {f.inner[::-1] for f in frames if f.direction == "Out" and f.inner is not None}
    servers = {flow[1] for flow in called if flow[1].endswith(f".{port}")}
    silent = servers - {flow[1] for flow in called & answered}
    return next(iter(sorted(silent)), None)


def _count(frames: tuple[Frame, ...], direction: str, source: str) -> int:
    return sum(frame.direction == direction and frame.source == source for frame in frames)


@claim(
    "service.{mode}",
    "A service published in {mode} mode answers `Hello {name}! (n)` on both sandboxes.",
    source="Docker manual, Swarm mode: publish ports for services",
)
def service_answers(
    *,
    mode: str,
    name: str,
    first: tuple[Reach, ...],
    second: tuple[Reach, ...],
) -> Judgement:
    """Holds when the service answered every connection, and each sandbox got at least one.

    The swarm chooses which task answers, and so the count."""
    for place, answers in (("the first", first), ("the second", second)):
        if not answers:
            return Judgement(None, f"{place} sandbox was not tried")
        for answer in answers:
            if answer.greeting is None or answer.greeting.name != name:
                return Judgement(False, f"{place} sandbox: {answer}")
    counts = [
        ", ".join(str(a.greeting.count) for a in answers if a.greeting)
        for answers in (first, second)
    ]
    return Judgement(True, f"the first gave n = {counts[0]}, the second n = {counts[1]}")


@claim(
    "swarm.gone.{place}",
    "The {place} is in no swarm, and has no network, link or port of one.",
    source="Docker manual, docker swarm leave",
)
def swarm_gone(
    *,
    place: str,
    engine: EngineInfo,
    networks: tuple[tuple[str, str], ...],
    interfaces: tuple[Interface, ...],
    tcp: tuple[Listener, ...],
    udp: tuple[Listener, ...],
) -> Judgement:
    """Holds when the machine is in no swarm, and nothing of a swarm is left on it.

    Looked for are an overlay network, docker_gwbridge, its link, and listeners on a swarm's ports.
    """
    left = [] if engine.swarm == "inactive" else [f"the swarm state {engine.swarm}"]
    left += [
        f"the network {name}" for name, driver in networks if name == GATEWAY or driver == "overlay"
    ]
    left += [f"the link {each.name}" for each in interfaces if each.name == GATEWAY]
    left += [f"{each.protocol}/{each.port}" for each in (*tcp, *udp) if each.port in SWARM_PORTS]
    if left:
        return Judgement(False, f"there is still {', '.join(left)}")
    return Judgement(True, "the swarm state is inactive, and nothing else was found")
