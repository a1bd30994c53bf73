"""The handover to lxc-template: settings, keys and certificates of a sandbox, in root's folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from hostonly.host import atomic
from hostonly.host.command import run
from hostonly.providers.lxc import base, box, idmap
from hostonly.registry.identity import Certificate
from hostonly.site import INSTANCES, MachineSpec, Site

_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


def nameservers() -> list[str]:
    """Return the host's name servers that a sandbox can reach: those not on the host's loopback."""
    for file in _RESOLVERS:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
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


def hand_over(
    site: Site,
    machine: MachineSpec,
    lies_on: Path,
) -> None:
    """Fill the folder from which lxc-template, as root, makes ``machine``, on the base ``lies_on``.

    Raises:
        ToolFailed: root's folder could not be written.
    """
    folder = machine.folder
    values = {
        "BASE": str(lies_on),
        # Not read by lxc-template: it keeps a purge from the box until the sandbox is made.
        "BOX": f"{box.boxes() / machine.box}/",
        "IDMAP_START": str(idmap.START),
        "IDMAP_COUNT": str(idmap.COUNT),
        "HOSTNAME": machine.name,
        "ADDRESS": machine.address,
        "REGISTRY_PORT": str(site.registry_port),
        "NAMESERVERS": " ".join(nameservers()),
    }
    text = "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())
    login, host_key = site.login_key, machine.host_key
    # Each file's name below the folder, where it comes from, and who may read it there.
    files = {
        "ssh_host_ed25519_key": (host_key, "0600"),
        "ssh_host_ed25519_key.pub": (host_key.with_name(host_key.name + ".pub"), "0644"),
        "authorized_keys": (login.with_name(login.name + ".pub"), "0644"),
        "registry.pem": (Certificate(machine.certificates).server, "0600"),
    }
    for each in site.machines:
        target = f"certs.d/{each.address}:{site.registry_port}/ca.crt"
        files[target] = (Certificate(each.certificates).authority, "0644")
    if _handed_over(folder, text, {name: source for name, (source, _) in files.items()}):
        return
    run(["mkdir", "-p", "-m", "0755", str(INSTANCES), str(folder)], root=True)
    # Every checkout's user may read the owner; only root may read the private keys.
    atomic.write_as_root(folder / "owner", f"{site.root}\n")
    run(["rm", "-rf", str(folder / "certs.d")], root=True)
    for name, (source, mode) in files.items():
        run(["install", "-D", "-m", mode, str(source), str(folder / name)], root=True)
    atomic.write_as_root(folder / "settings", text)
    base.used(lies_on)


def _handed_over(folder: Path, text: str, files: dict[str, Path]) -> bool:
    """Return whether the folder holds exactly this; only root can tell, others write it anew."""
    if os.geteuid() != 0:
        return False
    try:
        same = (folder / "settings").read_text(encoding="utf-8") == text
        same = same and all(
            (folder / name).read_bytes() == source.read_bytes() for name, source in files.items()
        )
        authorities = {str(file.relative_to(folder)) for file in folder.glob("certs.d/*/*")}
        return same and authorities <= set(files)
    except FileNotFoundError:
        return False
