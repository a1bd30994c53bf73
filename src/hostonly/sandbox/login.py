"""How a sandbox is logged in to: with this checkout's own key, and the host key made for it."""

from __future__ import annotations

from hostonly.site import MachineSpec, Site
from hostonly.vantages.shared_ssh import SharedConnection

USER = "vagrant"
PORT = 22


def options(site: Site) -> list[str]:
    """What OpenSSH is told on the command line: nothing of the user's is read (the `Vagrantfile` gives
    `vagrant ssh` the same)."""
    return [
        "IdentityAgent=none",
        "IdentitiesOnly=yes",
        "PreferredAuthentications=publickey",
        # ssh splits the file name at spaces unless it is quoted once more.
        f'UserKnownHostsFile="{site.known_hosts}"',
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=none",
    ]


def shared(site: Site, machine: MachineSpec) -> SharedConnection:
    """The connection to ``machine`` that this checkout's commands share, whether it is there or not."""
    given = [word for option in (*options(site), "LogLevel=ERROR") for word in ("-o", option)]
    ssh = ("ssh", "-F", "none", "-i", str(site.login_key), *given)
    return SharedConnection(site.login_key.parent, machine.name, ssh, f"{USER}@{machine.address}")
