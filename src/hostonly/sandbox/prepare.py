"""What a sandbox needs on the host before ``vagrant up``, and taking it away after the last destroy.

Everything here is found again by its mark and made only where it is missing, so that a second call
costs a few milliseconds and an attempt that was cut off is completed by the next.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from hostonly.errors import HostonlyError, Unreachable
from hostonly.events import Done, Emit, Warned
from hostonly.host import bridge_netfilter, bridges, firewall, modules, outsiders, traffic
from hostonly.host.command import run
from hostonly.host.ends import nat_ends
from hostonly.registry import trust
from hostonly.registry.identity import Certificate
from hostonly.sandbox import (
    base,
    box,
    idmap,
    keys,
    lock,
    machine_index,
    needs,
    place,
    purge,
    remains,
    trace,
)
from hostonly.sandbox.handing import hand_over
from hostonly.sandbox.login import Login
from hostonly.sandbox.names import (
    MODULES,
    SANDBOXES,
    SUBIDS,
    SWITCHES,
    base_of,
    claim_name,
    container_name,
    machines,
    owner,
)
from hostonly.sandbox.status import container_of
from hostonly.settings import Settings
from hostonly.vantages.route_guard import require_host_only_route


def prepare(settings: Settings, machine: str, emit: Emit) -> None:
    """Make what ``vagrant up`` of ``machine`` needs: packages, keys, base, box, bridges, rules.

    Raises:
        Taken: an address or a name is somebody else's (naming whose, and what is free).
        HostonlyError: a tool failed.
        Unreachable: the way to the sandbox is not by our bridge all the same.
    """
    needs.install(settings, emit)
    settings.state.mkdir(exist_ok=True)
    wanted = bridges.bridges(settings, settings.root)
    # Asked before anything is made: a conflict must change nothing.
    with place.proposed(settings):
        claim_name(settings, machine)
        # Vagrant, called by hand, would start what is left of it, or make the new one on top.
        container_of(settings.root, settings.sandbox.name, machine).finish_destruction(emit)
        missing = [bridge for bridge in wanted if not bridges.present(bridge)]
        for bridge, setting in zip(wanted, ("host", "nat"), strict=True):
            if bridge in missing:
                bridges.refuse_conflicts(bridge, setting)
    if missing == list(wanted) and not trace.sandboxes(settings):
        trace.record(settings)
    made = keys.ensure(settings.state / "ssh", machines(settings))
    certificates = registry_certificates(settings)
    # Base and box are in use from when they are handed over: until then no purge of another checkout's
    # may come between.
    with lock.store(emit):
        folder = _base_below(settings, machine, emit)
        if folder is None:
            folder = _made_box(settings, emit).folder
        else:
            box.ensure(settings.root, settings.state, emit)
        hand_over(settings, machine, made, certificates, folder)
        # By its bridges another checkout sees that what all share is needed (`restore`).
        for bridge in missing:
            bridges.create(bridge)
    modules.load(MODULES, emit)
    addresses = machines(settings)
    behind = dict(zip(addresses, nat_ends(settings), strict=True))[machine]
    bridges.forget(dict(zip(wanted, (addresses[machine], str(behind.address)), strict=True)))
    traffic.allow(settings, SWITCHES, emit, again=not missing)
    try:
        # Vagrant asks nobody before it calls the sandbox.
        require_host_only_route(machines(settings)[machine], settings.network.bridge)
    except Unreachable:
        if missing == list(wanted):
            restore(settings, emit)
        raise
    if missing:
        emit(Done(f"made the host's side: {' and '.join(b.name for b in missing)}"))


def _let_go(name: str, *, ours: bool) -> None:
    """Remove what was handed over for the container ``name``, where it is ``ours``, or the empty folder that
    is nobody's yet or any more. What says whose it is goes last: without it nobody removes the rest."""
    folder = SANDBOXES / name
    if not folder.exists():
        return
    rest = "find . -mindepth 1 ! -path ./owner -delete; " if ours else ""
    line = f'cd "$1"; {rest}rm -f owner owner.[0-9]*; rmdir --ignore-fail-on-non-empty "$1"'
    run(["sh", "-ec", line, "remove", str(folder)], root=True, timeout=30)


def _base_below(settings: Settings, machine: str, emit: Emit) -> Path | None:
    """The folder of the base, maybe of an older recipe, under ``machine``; None where there is none.

    Another one is never put in its place: the sandbox's own layer belongs to this one.

    Raises:
        HostonlyError: the base is gone, or the container does not name it.
    """
    folder = base_of(settings, machine)
    remedy = "./inv sandbox.destroy and ./inv sandbox.up make it anew"
    if folder is None:
        container = container_of(settings.root, settings.sandbox.name, machine)
        if container.complete:
            # LXC starts one without a root file system of its own on that of the host.
            raise HostonlyError(
                f"the configuration of {container.name} was cut off: it does not say what it lies on",
                ran=f"cat /var/lib/lxc/{container.name}/config",
                remedy=remedy,
            )
        return None
    if not folder.exists():
        raise HostonlyError(f"the base under {machine} is gone: {folder}", remedy=remedy)
    if not base.intact(folder):
        emit(Warned(f"files of the base under {machine} were changed or are gone: {remedy}"))
    return folder


def registry_certificates(settings: Settings) -> dict[str, Certificate]:
    """The certificate of each machine's registry, made where it is missing.

    That of a sandbox that exists stays as it is: the sandbox has it already, and engines trust it.
    """
    found = {}
    for machine, address in machines(settings).items():
        folder = settings.state / "registry" / machine
        exists = (Path("/var/lib/lxc") / container_name(settings, machine)).exists()
        made = Certificate(folder)
        if not (exists and made.server.exists()):
            # It takes long to load, and most sandboxes have theirs.
            from hostonly.registry import certificate

            made = certificate.ensure(folder, address)
        found[machine] = made
    return found


def make_box(settings: Settings, emit: Emit, *, rebuild: bool = False) -> base.Base:
    """Build the base and add the box to Vagrant, where they are missing.

    Raises:
        ToolFailed: one of the tools failed; nothing half-made is left in place.
        HostonlyError: it cannot be built again, since sandboxes stand on it.
    """
    with lock.store(emit):
        return _made_box(settings, emit, rebuild=rebuild)


def _made_box(settings: Settings, emit: Emit, *, rebuild: bool = False) -> base.Base:
    """The same, for who holds the store's lock."""
    if not idmap.allowed():
        # The mark first: an entry without it would never be taken out again.
        run(["touch", str(SUBIDS)], root=True, timeout=10)
        idmap.allow()
    built = base.current(settings.root)
    if rebuild and built.digest in purge.uses().bases:
        raise HostonlyError(
            f"sandboxes of this machine stand on the base {built.digest}: it was left as it is",
            ran=f"grep -l {built.digest} /var/lib/lxc/*/config",
            remedy="./inv sandbox.destroy in the checkouts that they belong to, then again.",
        )
    built = base.ensure(
        settings.root,
        emit,
        rebuild=rebuild,
        in_use=lambda base: base.name in purge.uses().bases,
    )
    box.ensure(settings.root, settings.state, emit)
    return built


def restore(settings: Settings, emit: Emit) -> None:
    """Take away what ``prepare`` made on the host, unless a container of this checkout still exists.

    The base and the box stay: they are caches, which ``sandbox.destroy --purge`` removes.
    """
    remains.finish_destructions(settings, emit)
    if not (Path("/var/lib/lxc") / container_name(settings, "sandbox")).exists():
        for file in trust.remove(settings.root):
            emit(Done(f"removed {file}: Docker no longer trusts the sandbox's registry"))
    for machine in machines(settings):
        # Vagrant, called by hand, knows nothing of the connection that our commands share.
        if not (Path("/var/lib/lxc") / container_name(settings, machine)).exists():
            Login(settings, machine).shared.close()
    names = {container_name(settings, machine) for machine in machines(settings)}
    if any((Path("/var/lib/lxc") / name).exists() for name in names):
        return
    changed = []
    if firewall.remove(firewall.table(settings)):
        changed.append("the firewall table")
    if bridge_netfilter.remove(settings.network.bridge, settings.network.nat_bridge):
        changed.append("the rules beside Docker's")
    for bridge in bridges.bridges(settings, settings.root):
        if bridges.remove(bridge):
            changed.append(f"the bridge {bridge.name}")
    for name in sorted(names):
        whose = owner(name)
        if whose in (None, str(settings.root)):
            _let_go(name, ours=whose is not None)
        # A container of ours that was removed by other hands has left these without a claim.
        if whose in (None, str(settings.root)) and remains.remove(name):
            changed.append(f"what LXC left of {name}")
    if machine_index.forget(settings.root):
        changed.append("machines that a killed Vagrant had entered in its index")
    if outsiders.remove(settings):
        changed.append("the neighbours of a check that was killed")
    if remains.remove_temporary(settings):
        changed.append("temporary files of a run that was killed")
    # The next sandbox has a registry, and an authority, of its own.
    shutil.rmtree(settings.state / "registry", ignore_errors=True)
    trust.tidy()
    if base.STORE.exists():
        with lock.store(emit):
            changed += _shared_put_back(settings)
    if changed:
        emit(Done(f"put back: {', '.join(changed)}"))


def _shared_put_back(settings: Settings) -> list[str]:
    """Put back what all checkouts share, unless another one has sandboxes or is making one; what that was."""
    if bridges.others(settings.root):
        return []
    changed = traffic.put_back(SWITCHES)
    if unloaded := modules.unload(MODULES):
        changed.append(f"the kernel modules {', '.join(unloaded)}")
    if SUBIDS.exists():
        idmap.disallow()
        run(["rm", "-f", str(SUBIDS)], root=True, timeout=10)
        changed.append("root's range in /etc/subuid and /etc/subgid")
    return changed
