"""The stages of an image, each of which does the earlier ones that are missing."""

from __future__ import annotations

from hostonly.host import packages
from hostonly.host.ending import Beside
from hostonly.image import publish
from hostonly.image.build import build, parts, tools
from hostonly.image.engine import Engine, sandbox_engine
from hostonly.image.state import Built
from hostonly.sandbox import prepare
from hostonly.sandbox.machine import Machine


def up(machine: Machine) -> None:
    """The sandbox is up. Where it was not, its engine has no image yet either: what that is put
    together from is made beside it, since the one mostly unpacks and the other mostly computes."""
    if machine.status().state == "running":
        machine.up()
        return
    # Who installs by hand is told everything at once.
    packages.refuse_where_forbidden([*prepare.PACKAGES, *tools()])
    # First, since apt-get works alone: what the sandbox needs is not to wait for a JDK.
    prepare.install(machine.settings, machine.emit)
    with Beside(lambda: parts(machine.settings, machine.emit)) as made:
        machine.up()
        made.result()


def built(machine: Machine) -> Built:
    """The sandbox is up and its engine has the image."""
    up(machine)
    with sandbox_engine(machine) as engine:
        return build(machine, engine, machine.emit)


def pushed(machine: Machine) -> Built:
    """And the registry serves it."""
    up(machine)
    with sandbox_engine(machine) as engine:
        return _pushed(machine, engine)


def pulled(machine: Machine) -> Built:
    """And the engine's ``localhost:…`` name is what the registry served. The sandbox must be up."""
    with sandbox_engine(machine) as engine:
        done = _pushed(machine, engine)
        publish.pull(machine, engine, done, machine.emit)
        return done


def carried(machine: Machine, second: Machine, done: Built) -> None:
    """And the engine of ``second`` has it, under the same name. Both must be up.

    It goes through this machine and not through a registry: to ``second`` that of ``machine`` is
    another machine's, which an engine trusts only after a change of its configuration.
    """
    with sandbox_engine(machine) as source, sandbox_engine(second) as target:
        publish.carry(source, target, done, publish.reference(machine), machine.emit)


def _pushed(machine: Machine, engine: Engine) -> Built:
    return publish.push(machine, engine, build(machine, engine, machine.emit), machine.emit)
