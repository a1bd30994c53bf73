"""The packages that a sandbox needs on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostonly.events import Emit
from hostonly.host import packages

if TYPE_CHECKING:
    from hostonly.site import Site

PACKAGES = (
    "vagrant",
    "vagrant-lxc",
    "lxc",
    "mmdebstrap",
    "iproute2",
    "procps",
    "nftables",
    "openssh-client",
    # What the tutorial looks with from the host.
    "netcat-openbsd",
    "curl",
)


def install(site: Site, emit: Emit) -> None:
    """Install the packages that a sandbox needs on the host.

    Raises:
        hostonly.errors.HostonlyError: they could not be installed.
    """
    packages.install(PACKAGES, emit, root=site.root)
