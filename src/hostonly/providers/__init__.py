"""The providers of machines: a module or package of this folder each, and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostonly.providers.provider import Provider, Traces
    from hostonly.site import MachineSpec, Site

PROVIDERS = ("lxc",)


def all_traces() -> list[Traces]:
    """Return the traces of every provider: where its things could be on this machine."""
    return [_class(name).traces for name in PROVIDERS]


def provider_of(site: Site, machine: MachineSpec) -> Provider:
    """Return the provider's object for ``machine``."""
    return _class(machine.provider)(site, machine)


def _class(name: str) -> type[Provider]:
    found: type[Provider] = import_module(f"hostonly.providers.{name}").PROVIDER
    return found
