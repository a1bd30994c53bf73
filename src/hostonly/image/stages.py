"""The stages of an image, each of which does the earlier ones that are missing."""

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
from hostonly.image.state import PLACES, Built
from hostonly.sandbox import life, prepare
from hostonly.sandbox.machine import Machine


def up(machine: Machine) -> None:
    """The sandbox is up. Where it was not, its engine has no image yet either: what that is put
    together from is made beside it, since the one mostly unpacks and the other mostly computes."""
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
    """Stop where ``place`` has no engine. Raises UsageError."""
    if place not in PLACES:
        raise UsageError(f"{place[:60]!r} is not allowed: {' or '.join(PLACES)}")


@contextmanager
def engine_of(machine: Machine, place: str) -> Iterator[Engine]:
    """The sandbox's engine, or the ``host``'s own. The sandbox must be up for its own.

    Raises:
        UsageError: ``place`` is neither. Unreachable: it does not answer.
    """
    require_place(place)
    if place == "sandbox":
        with sandbox_engine(machine) as engine:
            yield engine
    else:
        with host_engine(None if find("docker") else docker_cli(machine)) as engine:
            yield engine


def built(machine: Machine, flavour: Flavour = JAVA, place: str = "sandbox") -> Built:
    """The engine has the image; where it is the sandbox's, that is up."""
    if place == "sandbox":
        up(machine)
    with engine_of(machine, place) as engine:
        return build(machine.site, engine, machine.emit, flavour)


def pushed(machine: Machine, flavour: Flavour = JAVA, place: str = "sandbox") -> Built:
    """And the registry serves it."""
    require_place(place)
    up(machine)
    with engine_of(machine, place) as engine:
        return _pushed(machine, engine, flavour)


def pulled(machine: Machine, flavour: Flavour = JAVA, place: str = "sandbox") -> Built:
    """And the engine's name of it is what the registry served. The sandbox must be up.

    What was pushed once is not built again or loaded to be pulled: its layers come from the registry,
    as far as the engine has them not.
    """
    with engine_of(machine, place) as engine:
        done = pushed_before(machine.site, engine, flavour)
        if done is None or not publish.served(machine, done):
            done = _pushed(machine, engine, flavour)
        return publish.pull(machine, engine, done, machine.emit)


def carried(machine: Machine, second: Machine, done: Built) -> None:
    """And the engine of ``second`` has it, under the same name. Both must be up.

    It goes through this machine and not through a registry: to ``second`` that of ``machine`` is
    another machine's, which an engine trusts only after a change of its configuration.
    """
    with sandbox_engine(machine) as source, sandbox_engine(second) as target:
        publish.carry(source, target, done, publish.reference(machine), machine.emit)


def _pushed(machine: Machine, engine: Engine, flavour: Flavour) -> Built:
    done = build(machine.site, engine, machine.emit, flavour)
    return publish.push(machine, engine, done, machine.emit)
