"""Claims about who does not reach whom.

No answer proves nothing by itself: the probe may be broken, the target away, the packet never sent.
So most of these claims take a control (the same probe from the same place to a target that must
answer) and the way that the kernel would send the packet; and, where the target is said to be
alive, a witness that it answered."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.reach import Outcome, Reach
from hostonly.facts.routes import ChosenRoute

CONNECTED = frozenset({Outcome.ANSWERS, Outcome.EMPTY})
# From these we know that the other end got our packet; a refusal is an answer of its kernel's.
ALIVE = CONNECTED | {Outcome.REFUSED, Outcome.RESET}

# What may be expected of an attempt: the port is shut and its kernel says so, or nobody says
# anything at all (no answer to ARP is NO ROUTE, after a while).
SHUT = frozenset({Outcome.REFUSED})
SILENT = frozenset({Outcome.TIMEOUT, Outcome.NO_ROUTE})


@claim(
    "unreachable.{topic}",
    "The {place} does not reach {target} at {address}:{port}.",
    source="Tutorial, bridge networking; nc(1), ip-route(8)",
)
def unreachable(
    *,
    topic: str,
    place: str,
    target: str,
    address: str,
    port: int,
    expected: frozenset[Outcome],
    device: str,
    attempt: Reach,
    control: Reach,
    way: ChosenRoute | None,
    witness: Reach | None = None,
) -> Judgement:
    """Holds when the ``attempt`` has an ``expected`` outcome, while the ``control`` was answered.

    The kernel's ``way`` must leave by ``device``. A ``witness`` is the same target tried from
    elsewhere. UNKNOWN where the control was not answered, the packet would have gone elsewhere, or
    the witness did not find the target alive."""
    if attempt.outcome in CONNECTED:
        return Judgement(False, f"it does: {attempt}")
    if control.outcome is not Outcome.ANSWERS:
        return Judgement(None, f"the control was not answered either, but: {control}")
    if way is None or way.device != device:
        leaves = "has no way" if way is None else f"leaves by {way.device}"
        return Judgement(None, f"{attempt}, but the packet {leaves} where {device} was expected")
    if witness is not None and witness.outcome not in ALIVE:
        return Judgement(None, f"{attempt}, but nobody else reaches it either: {witness}")
    if attempt.outcome not in expected:
        wanted = " or ".join(sorted(expected))
        return Judgement(False, f"{attempt} by way of {device}, and not {wanted}")
    seen = "" if witness is None else f"; elsewhere it is {witness}"
    return Judgement(True, f"{attempt} by way of {device}, the control {control}{seen}")


@claim(
    "route.absent",
    "The {place} has no route to {target} ({address}) by way of {gateway}.",
    source="Tutorial, bridge networking; ip-route(8)",
)
def route_absent(
    *, place: str, target: str, address: str, gateway: str, device: str, way: ChosenRoute | None
) -> Judgement:
    """Holds when the kernel would send no packet for ``address`` to ``gateway`` or by ``device``.

    ``device`` is the interface that ``gateway`` is behind. Nothing is sent."""
    if way is None:
        return Judgement(True, "it has no route there at all")
    leaves = f"by {way.device}{f' via {way.gateway}' if way.gateway else ''}"
    if way.device == device or way.gateway == gateway:
        return Judgement(False, f"a packet there would leave {leaves}")
    return Judgement(True, f"a packet there would leave {leaves}, which is not towards it")


@claim(
    "route.none",
    "The {place} has no route to {address}.",
    source="Tutorial, none networking; ip-route(8)",
)
def route_none(
    *, place: str, address: str, attempt: Reach, control: Reach, way: ChosenRoute | None
) -> Judgement:
    """Holds when the kernel has no route to ``address`` and said so to the ``attempt``.

    The ``control``, the same probe on loopback, must be answered."""
    if way is not None:
        return Judgement(False, f"a packet to {address} would leave by {way.device}")
    if control.outcome is not Outcome.ANSWERS:
        return Judgement(None, f"the control was not answered either, but: {control}")
    return Judgement(
        attempt.outcome is Outcome.NO_ROUTE, f"to {address}: {attempt}; on loopback: {control}"
    )


@claim(
    "internal.closed",
    "The {place} has no way out of the --internal network: {address}:{port} stays silent.",
    source="docker-network-create(1), --internal",
)
def internal_closed(
    *,
    place: str,
    address: str,
    port: int,
    device: str,
    attempt: Reach,
    control: Reach,
    way: ChosenRoute | None,
    witness: Reach,
) -> Judgement:
    """Holds when the ``attempt`` met silence, while the ``control`` was answered.

    The ``way`` must leave by ``device``, or there must be none (newer engines give no gateway). The
    ``control`` goes to a neighbour on the network. The ``witness``, who is on an ordinary network,
    must find the target alive."""
    if attempt.outcome in ALIVE:
        return Judgement(False, f"it has: {attempt}")
    if control.outcome is not Outcome.ANSWERS:
        return Judgement(None, f"the control was not answered either, but: {control}")
    if way is not None and way.device != device:
        return Judgement(
            None, f"{attempt}, but the packet leaves by {way.device} where {device} was expected"
        )
    if witness.outcome not in ALIVE:
        return Judgement(None, f"{attempt}, but nobody else reaches it either: {witness}")
    by = "without a way" if way is None else f"by way of {way.device}"
    return Judgement(
        True, f"{attempt} {by}; its neighbour {control}; from an ordinary one {witness}"
    )
