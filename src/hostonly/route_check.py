"""The Vagrantfile's check of the route to a sandbox: ``python -m hostonly.route_check ADDRESS BRIDGE``.

It is called before Vagrant sends anything. Only the standard library is used, since somebody waits
at the terminal. Exit code 0: the route to ADDRESS is by BRIDGE, directly; else 1, the reason on
stderr.
"""

from __future__ import annotations

import sys

from hostonly.errors import HostonlyError
from hostonly.vantages.route_guard import require_host_only_route


def main(address: str, bridge: str) -> None:
    """Ask the kernel; leave with the reason where the answer is no."""
    try:
        require_host_only_route(address, bridge)
    except HostonlyError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
