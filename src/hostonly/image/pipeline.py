"""An image built, pushed, pulled and carried, each after the earlier steps that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hostonly.background import Background
from hostonly.errors import UsageError
from hostonly.host import packages
from hostonly.host.command import find
from hostonly.image import publish
from hostonly.image.build import build, pushed_before
from hostonly.image.engine import Engine, docker_cli, sandbox_engine
from hostonly.image.flavour import JAVA, Flavour
from hostonly.image.host_engine import host_engine
from hostonly.image.parts import parts, tools
from hostonly.image.record import PLACES, Built
from hostonly.sandbox import life, prepare
from hostonly.sandbox.machine import Machine


def up(machine: Machine) -> None:
    """Bring the sandbox up, and where it is down, make the parts of the image at the same time.

    Its engine has no image then. Starting mostly unpacks and making the parts mostly computes: both
    at once save time."""
    if machine.state() == "running":
        life.up([machine])
        return
    # Who installs by hand is told everything at once.
    packages.refuse_where_forbidden([*prepare.needed(machine.site), *tools()])
    # First, since apt-get works alone: what the sandbox needs is not to wait for a JDK.
    prepare.install(machine.site, machine.emit)
    with Background(lambda: parts(machine.site, machine.emit)) as made:
        life.up([machine])
        made.result()


def require_place(place: str) -> None:
    """Refuse a ``place`` that has no engine.

    Raises:
        UsageError: there is no engine.
    """
    if place not in PLACES:
        raise UsageError(f"{place[:60]!r} is not allowed: {' or '.join(PLACES)}")


@contextmanager
def engine_of(machine: Machine, place: str) -> Iterator[Engine]:
    """Yield the engine at ``place``: ``sandbox``, which must be up for it, or ``host``.

    Raises:
        UsageError: ``place`` is neither.
        Unreachable: the engine does not answer.
    """
    require_place(place)
    if place == "sandbox":
        with sandbox_engine(machine) as engine:
            yield engine
    else:
        with host_engine(None if find("docker") else docker_cli(machine)) as engine:
            yield engine


def built(machine: Machine, flavour: Flavour = JAVA, place: str = "sandbox") -> Built:
    """Build the image on the engine at ``place``; bring the sandbox up where it is its engine."""
    if place == "sandbox":
        up(machine)
    with engine_of(machine, place) as engine:
        return build(machine.site, engine, machine.emit, flavour)


def pushed(machine: Machine, flavour: Flavour = JAVA, place: str = "sandbox") -> Built:
    """Build the image on the engine at ``place`` and push it; bring the sandbox up for that."""
    require_place(place)
    up(machine)
    with engine_of(machine, place) as engine:
        return _pushed(machine, engine, flavour)


def pulled(machine: Machine, flavour: Flavour = JAVA, place: str = "sandbox") -> Built:
    """Pull the image to the engine at ``place``; the sandbox must be up.

    An image that was pushed once is not built again or loaded to be pulled: its layers come from
    the registry, as far as the engine does not have them.
    """
    with engine_of(machine, place) as engine:
        done = pushed_before(machine.site, engine, flavour)
        if done is None or not publish.served(machine, done):
            done = _pushed(machine, engine, flavour)
        return publish.pull(machine, engine, done, machine.emit)


def carried(machine: Machine, second: Machine, done: Built) -> None:
    """Carry the image to the engine of ``second``, under the same name; both machines must be up.

    It goes through the host and not through a registry: that of ``machine`` is another machine's to
    ``second``, whose engine would trust it only after a change of its configuration.
    """
    with sandbox_engine(machine) as source, sandbox_engine(second) as target:
        publish.carry(source, target, done, publish.reference(machine), machine.emit)


def _pushed(machine: Machine, engine: Engine, flavour: Flavour) -> Built:
    done = build(machine.site, engine, machine.emit, flavour)
    return publish.push(machine, engine, done, machine.emit)
