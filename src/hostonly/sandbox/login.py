"""The login to a sandbox: with this checkout's own key, and the host key made for the sandbox."""

from __future__ import annotations

from hostonly.site import MachineSpec, Site
from hostonly.vantages.shared_ssh import SharedConnection

USER = "vagrant"


def options(site: Site) -> list[str]:
    """Return OpenSSH's options, also for ``vagrant ssh``: nothing of the user's is read."""
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
    """Return the connection to ``machine`` that this checkout's commands share, open or not."""
    given = [word for option in (*options(site), "LogLevel=ERROR") for word in ("-o", option)]
    ssh = ("ssh", "-F", "none", "-i", str(site.login_key), *given)
    return SharedConnection(site.login_key.parent, machine.name, ssh, f"{USER}@{machine.address}")
