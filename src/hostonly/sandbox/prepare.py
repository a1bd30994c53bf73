"""The host's side of a sandbox: made before ``vagrant up``, removed after the last destroy.

Everything here is found again by its mark and made only where it is missing, so that a second call
costs a few milliseconds and an attempt that was cut off is completed by the next.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

from hostonly.errors import Unreachable
from hostonly.events import Done, Emit
from hostonly.host import bridge_netfilter, bridges, firewall, modules, outsiders, packages, traffic
from hostonly.ownership import before, free, lock, owners, remains
from hostonly.providers import PROVIDERS, provider_of
from hostonly.registry import trust
from hostonly.registry.identity import Certificate
from hostonly.sandbox import keys, login, machine_index
from hostonly.site import MODULES, STORE, SWITCHES, MachineSpec, Site
from hostonly.vantages.route_guard import require_host_only_route

# Packages that every sandbox needs on this machine, whoever provides it.
PACKAGES = (
    "vagrant",
    "iproute2",
    "procps",
    "nftables",
    "openssh-client",
    # The tutorial's tools on the host.
    "netcat-openbsd",
    "curl",
)


def needed(site: Site) -> list[str]:
    """Return the Debian packages that the machines of ``site`` need on this machine."""
    providers = {machine.provider: provider_of(site, machine) for machine in site.machines}
    return [*PACKAGES, *(name for each in providers.values() for name in each.packages)]


def install(site: Site, emit: Emit) -> None:
    """Install the packages that are ``needed``.

    Raises:
        HostonlyError: they could not be installed.
    """
    packages.install(needed(site), emit, root=site.root)


def make_box(site: Site, emit: Emit, *, rebuild: bool = False) -> None:
    """Make the common parts of machines (base, box), where they are missing, or again.

    Raises:
        HostonlyError: a tool failed, or it cannot be built again, since sandboxes stand on it.
    """
    install(site, emit)
    site.state.mkdir(exist_ok=True)
    with lock.store(emit):
        for provider in {machine.provider: machine for machine in site.machines}.values():
            provider_of(site, provider).make_box(emit, rebuild=rebuild)


def prepare(site: Site, machine: MachineSpec, emit: Emit) -> None:
    """Make everything for ``vagrant up`` of ``machine``: packages, keys, base, box, bridges, rules.

    Raises:
        Taken: an address or a name is somebody else's (naming whose, and what is free).
        HostonlyError: a tool failed.
        Unreachable: the route to the sandbox does not leave by our bridge all the same.
    """
    install(site, emit)
    site.state.mkdir(exist_ok=True)
    provider = provider_of(site, machine)
    # Asked before anything is made: a conflict must change nothing.
    with free.proposed(site):
        owners.require_ours(site, machine)
        # Vagrant, called by hand, would start the remains of a machine, or make a new one on top.
        provider.finish_destruction(emit)
        missing = [bridge for bridge in site.bridges if not bridges.present(bridge)]
        for bridge, setting in zip(site.bridges, ("host", "nat"), strict=True):
            if bridge in missing:
                bridges.refuse_conflicts(bridge, setting)
    if len(missing) == len(site.bridges) and not _existing(site):
        before.record(site)
    keys.ensure(site)
    _certificates(site)
    # Base and box are in use as soon as they are handed over: until then no other checkout may
    # purge.
    with lock.store(emit):
        provider.prepare(emit)
        # By its bridges another checkout sees that what all share is needed (`restore`).
        for bridge in missing:
            bridges.create(bridge)
    modules.load(MODULES, emit)
    ends = (machine.host_only, machine.nat)
    bridges.forget(
        {bridge: str(end.address.ip) for bridge, end in zip(site.bridges, ends, strict=True)}
    )
    traffic.allow(site, SWITCHES, emit, again=not missing)
    try:
        # Vagrant asks nobody before it calls the sandbox.
        require_host_only_route(machine.address, site.bridge.name)
    except Unreachable:
        if len(missing) == len(site.bridges):
            restore(site, emit)
        raise
    if missing:
        emit(Done(f"made the host's side: {' and '.join(b.name for b in missing)}"))


def _existing(site: Site) -> list[MachineSpec]:
    """Return the machines that their provider has, running or not."""
    return [machine for machine in site.machines if provider_of(site, machine).exists]


def _certificates(site: Site) -> None:
    """Make the certificate of each machine's registry where it is missing.

    That of a sandbox that exists stays as it is: the sandbox has it already, and engines trust it.
    """
    existing = _existing(site)
    for machine in site.machines:
        if not (machine in existing and Certificate(machine.certificates).server.exists()):
            # It takes long to load, and most sandboxes have theirs.
            from hostonly.registry import certificate

            certificate.ensure(machine.certificates, machine.address)


def restore(site: Site, emit: Emit) -> None:
    """Remove what ``prepare`` made on the host, unless a machine of this checkout still exists.

    The base and the box stay: they are caches, which ``sandbox.destroy --purge`` removes.
    """
    remains.finish_destructions(site, emit)
    existing = _existing(site)
    if site.sandbox not in existing:
        for file in trust.remove(site.root):
            emit(Done(f"removed {file}: Docker no longer trusts the sandbox's registry"))
    for machine in site.machines:
        # Vagrant, called by hand, knows nothing of the connection that our commands share.
        if machine not in existing:
            login.shared(site, machine).close()
    if existing or any(provider_of(site, each).exists for each in owners.forgotten(site)):
        return
    changed = [*_network_put_back(site), *_remains_put_back(site)]
    # The next sandbox has a registry, and an authority, of its own.
    shutil.rmtree(site.state / "registry", ignore_errors=True)
    trust.tidy()
    if STORE.exists():
        with lock.store(emit):
            changed += _shared_put_back(site)
    if changed:
        emit(Done(f"put back: {', '.join(changed)}"))


def _network_put_back(site: Site) -> list[str]:
    """Remove the rules and the bridges of ``site``; return what was there, in words."""
    changed = []
    if firewall.remove(firewall.table(site)):
        changed.append("the firewall table")
    if bridge_netfilter.remove(site.bridge.name, site.nat.name):
        changed.append("the rules beside Docker's")
    return [
        *changed,
        *(f"the bridge {bridge.name}" for bridge in site.bridges if bridges.remove(bridge)),
    ]


def _remains_put_back(site: Site) -> list[str]:
    """Remove what killed runs and machines that were removed by hand left; return it in words."""
    changed = []
    for machine in site.machines:
        if owners.release(site, machine):
            # A machine of ours that somebody removed by hand has left these without a claim.
            changed += provider_of(site, machine).let_go()
    if machine_index.forget(site.root):
        changed.append("machines that a killed Vagrant had entered in its index")
    if outsiders.remove(site):
        changed.append("the neighbours of a check that was killed")
    if remains.remove_temporary(site):
        changed.append("temporary files of a run that was killed")
    return changed


def _shared_put_back(site: Site) -> list[str]:
    """Put back what all checkouts share, unless another one has sandboxes or is making one; what that was."""
    if bridges.others(site):
        return []
    changed = traffic.put_back(SWITCHES)
    if unloaded := modules.unload(MODULES):
        changed.append(f"the kernel modules {', '.join(unloaded)}")
    for name in PROVIDERS:
        changed += provider_of(site, replace(site.sandbox, provider=name)).put_back()
    return changed
