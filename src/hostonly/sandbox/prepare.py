"""What a sandbox needs on the host before ``vagrant up``, and taking it away after the last destroy.

Everything here is found again by its mark and made only where it is missing, so that a second call
costs a few milliseconds and an attempt that was cut off is completed by the next.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from hostonly.errors import HostonlyError
from hostonly.events import Done, Emit, Unchanged, Warned
from hostonly.host import bridge_netfilter, bridges, firewall, forwarding, outsiders
from hostonly.host.command import run
from hostonly.registry import trust
from hostonly.registry.identity import Certificate
from hostonly.sandbox import base, box, idmap, keys, lock, needs, purge, remains, trace
from hostonly.sandbox.names import (
    FORWARDING,
    SANDBOXES,
    SUBIDS,
    base_of,
    claim_name,
    container_name,
    machines,
    owner,
)
from hostonly.settings import Settings

_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


def prepare(settings: Settings, machine: str, emit: Emit) -> None:
    """Make what ``vagrant up`` of ``machine`` needs: packages, keys, base, box, bridges, rules.

    Raises:
        HostonlyError: an address or a name is somebody else's (naming whose), or a tool failed.
    """
    needs.install(settings, emit)
    settings.state.mkdir(exist_ok=True)
    claim_name(settings, machine)
    wanted = bridges.bridges(settings, settings.root)
    # Asked before anything is made: a conflict must change nothing.
    missing = [bridge for bridge in wanted if not bridges.present(bridge)]
    for bridge, setting in zip(wanted, ("host", "nat"), strict=True):
        if bridge in missing:
            bridges.refuse_conflicts(bridge, setting)
    if missing == list(wanted) and not trace.sandboxes(settings):
        trace.record(settings)
    made = keys.ensure(settings.state / "ssh", machines(settings))
    folder = _base_below(settings, machine, emit)
    if folder is None:
        folder = make_box(settings, emit).folder
    else:
        box.ensure(settings.root, settings.state, emit)
    for bridge in missing:
        bridges.create(bridge)
    # Written each time: somebody may have taken a rule out of it.
    firewall.apply(firewall.table(settings))
    bridge_netfilter.accept(settings.network.bridge, settings.network.nat_bridge)
    forwarding.enable(settings, FORWARDING)
    _hand_over(settings, machine, made, registry_certificates(settings), folder)
    if missing:
        emit(Done(f"made the host's side: {' and '.join(b.name for b in missing)}"))


def _base_below(settings: Settings, machine: str, emit: Emit) -> Path | None:
    """The folder of the base, maybe of an older recipe, under ``machine``; None where there is none."""
    folder = base_of(settings, machine)
    exists = (Path("/var/lib/lxc") / container_name(settings, machine)).exists()
    if not exists or folder is None or not (folder / "complete").exists():
        return None
    if not base.intact(folder):
        emit(
            Warned(
                f"files of the base under {machine} were changed or are gone:"
                " ./inv sandbox.destroy and ./inv sandbox.up make it anew"
            )
        )
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
    if not idmap.allowed():
        # The mark first: an entry without it would never be taken out again.
        run(["mkdir", "-p", "-m", "0755", str(base.STORE)], root=True, timeout=10)
        run(["touch", str(SUBIDS)], root=True, timeout=10)
        idmap.allow()
    built = base.current(settings.root)
    if built.complete and not rebuild and base.intact(built.folder):
        emit(Unchanged(f"the base {built.digest} is built"))
    else:
        with lock.store(emit):
            if rebuild and built.digest in purge.uses().bases:
                raise HostonlyError(
                    f"sandboxes of this machine stand on the base {built.digest}: it was left as it is",
                    ran=f"grep -l {built.digest} /var/lib/lxc/*/config",
                    remedy="./inv sandbox.destroy in the checkouts that they belong to, then again.",
                )
            # Another checkout may have built it while we waited.
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
    if not (Path("/var/lib/lxc") / container_name(settings, "sandbox")).exists():
        for file in trust.remove(settings.root):
            emit(Done(f"removed {file}: Docker no longer trusts the sandbox's registry"))
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
        if whose == str(settings.root):
            run(["rm", "-rf", str(SANDBOXES / name)], root=True)
        # A container of ours that was removed by other hands has left these without a claim.
        if whose in (None, str(settings.root)) and remains.remove(name):
            changed.append(f"what LXC left of {name}")
    if outsiders.remove(settings):
        changed.append("the neighbours of a check that was killed")
    if remains.remove_temporary(settings):
        changed.append("temporary folders of a run that was killed")
    # The next sandbox has a registry, and an authority, of its own.
    shutil.rmtree(settings.state / "registry", ignore_errors=True)
    trust.tidy()
    # What all checkouts share stays while another one has sandboxes.
    if not bridges.others(settings.root):
        changed += [f"forwarding on {name}" for name in forwarding.restore(FORWARDING)]
        if SUBIDS.exists():
            idmap.disallow()
            run(["rm", "-f", str(SUBIDS)], root=True, timeout=10)
            changed.append("root's range in /etc/subuid and /etc/subgid")
    if changed:
        emit(Done(f"put back: {', '.join(changed)}"))


def nameservers() -> list[str]:
    """The host's name servers that a sandbox can reach: those that are not on the host's loopback."""
    for file in _RESOLVERS:
        lines = file.read_text().splitlines() if file.exists() else []
        servers = [
            line.split()[1]
            for line in lines
            if line.startswith("nameserver ") and len(line.split()) > 1
        ]
        reachable = [
            server for server in servers if not server.startswith("127.") and server != "::1"
        ]
        if reachable:
            return reachable
    return []


def _hand_over(
    settings: Settings,
    machine: str,
    made: keys.Keys,
    certificates: dict[str, Certificate],
    lies_on: Path,
) -> None:
    """Fill the folder from which lxc-template, as root, makes the sandbox."""
    folder = SANDBOXES / container_name(settings, machine)
    values = {
        "BASE": str(lies_on),
        "IDMAP_START": str(idmap.START),
        "IDMAP_COUNT": str(idmap.COUNT),
        "HOSTNAME": machine,
        "REGISTRY_PORT": str(settings.registry.port),
        "NAMESERVERS": " ".join(nameservers()),
    }
    text = "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())
    host_key = made.host_key(machine)
    # Each file's name below the folder, where it comes from, and who may read it there.
    files = {
        "ssh_host_ed25519_key": (host_key, "0600"),
        "ssh_host_ed25519_key.pub": (host_key.with_name(host_key.name + ".pub"), "0644"),
        "authorized_keys": (made.login.with_name(made.login.name + ".pub"), "0644"),
        "registry.pem": (certificates[machine].server, "0600"),
    }
    for name, address in machines(settings).items():
        target = f"certs.d/{address}:{settings.registry.port}/ca.crt"
        files[target] = (certificates[name].authority, "0644")
    if _handed_over(folder, text, {name: source for name, (source, _) in files.items()}):
        return
    run(["mkdir", "-p", "-m", "0755", str(SANDBOXES), str(folder)], root=True)
    # The owner may be read by every checkout's user; the private keys only by root.
    run(["tee", str(folder / "owner")], root=True, stdin=f"{settings.root}\n")
    run(["rm", "-rf", str(folder / "certs.d")], root=True)
    for name, (source, mode) in files.items():
        run(["install", "-D", "-m", mode, str(source), str(folder / name)], root=True)
    run(["tee", str(folder / "settings")], root=True, stdin=text)


def _handed_over(folder: Path, settings: str, files: dict[str, Path]) -> bool:
    """Whether the folder holds exactly this already; only root can tell, others write it anew."""
    if os.geteuid() != 0:
        return False
    try:
        same = (folder / "settings").read_text() == settings
        same = same and all(
            (folder / name).read_bytes() == source.read_bytes() for name, source in files.items()
        )
        authorities = {str(file.relative_to(folder)) for file in folder.glob("certs.d/*/*")}
        return same and authorities <= set(files)
    except FileNotFoundError:
        return False
