"""How a sandbox is logged in to: with this checkout's own key, and the host key made for it."""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.sandbox.keys import Keys
from hostonly.sandbox.names import machines
from hostonly.site import Site
from hostonly.vantages.sandbox import SshTarget
from hostonly.vantages.shared_ssh import SharedConnection

USER = "vagrant"
PORT = 22


@dataclass(frozen=True, slots=True)
class Login:
    """The way into the machine called ``machine``, whether it is there or not."""

    site: Site
    machine: str

    @property
    def target(self) -> SshTarget:
        """For the vantage, which speaks SSH itself."""
        keys = Keys(self.site.state / "ssh")
        address = machines(self.site)[self.machine]
        return SshTarget(address, PORT, USER, keys.login, keys.known_hosts)

    @property
    def destination(self) -> str:
        """What an ssh command line ends with, before the command."""
        return f"{USER}@{self.target.address}"

    @property
    def ssh(self) -> tuple[str, ...]:
        """The ssh command line, up to and without the destination: nothing of the user's is read (the
        `Vagrantfile` has the same options)."""
        target = self.target
        options = (
            "IdentityAgent=none",
            "IdentitiesOnly=yes",
            "PreferredAuthentications=publickey",
            # ssh splits the file name at spaces unless it is quoted once more.
            f'UserKnownHostsFile="{target.known_hosts}"',
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=none",
            "LogLevel=ERROR",
        )
        given = [word for option in options for word in ("-o", option)]
        return ("ssh", "-F", "none", "-i", str(target.key), *given)

    @property
    def shared(self) -> SharedConnection:
        """The connection that this checkout's commands share."""
        folder = self.site.state / "ssh"
        return SharedConnection(folder, self.machine, self.ssh, self.destination)
