"""The stages of an image, each of which does the earlier ones that are missing."""

from __future__ import annotations

from hostonly.image import publish
from hostonly.image.build import build
from hostonly.image.engine import Engine, sandbox_engine
from hostonly.image.state import Built
from hostonly.sandbox.machine import Machine


def built(machine: Machine) -> Built:
    """The sandbox is up and its engine has the image."""
    machine.up()
    with sandbox_engine(machine) as engine:
        return build(machine, engine, machine.emit)


def pushed(machine: Machine) -> Built:
    """And the registry serves it."""
    machine.up()
    with sandbox_engine(machine) as engine:
        return _pushed(machine, engine)


def pulled(machine: Machine) -> Built:
    """And the engine's ``localhost:…`` name is what the registry served. The sandbox must be up."""
    with sandbox_engine(machine) as engine:
        done = _pushed(machine, engine)
        publish.pull(machine, engine, done, machine.emit)
        return done


def _pushed(machine: Machine, engine: Engine) -> Built:
    return publish.push(machine, engine, build(machine, engine, machine.emit), machine.emit)
