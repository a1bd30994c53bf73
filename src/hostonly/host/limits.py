"""The machine's limits that sandboxes share with it, raised while there are sandboxes.

The kernel counts these for the sandboxes' users as uses of the host's root, who owns their user
namespace, or has one table for all network namespaces (kernel documentation: ip-sysctl, inotify(7),
fanotify(7)). Debian's values are for one machine. The memory behind them is charged to the
sandbox's own limit: on Linux 6.18 an inotify instance is 1.0 kB and a watch 90 bytes without the
inode. So these limits are more than fits into two sandboxes of 2 GiB, the default, which reach
their own limit first. Neighbours are charged to nobody: these limits are of LXD's "production
setup".
"""

from __future__ import annotations

from hostonly.host import switches
from hostonly.host.switches import Switch

LIMITS = {
    "fs/inotify/max_user_instances": 2**23,
    "fs/inotify/max_user_watches": 2**26,
    "fs/fanotify/max_user_groups": 2**23,
    "fs/fanotify/max_user_marks": 2**26,
    # A third is how many addresses of neighbours may be known at all, by all network namespaces.
    **{
        f"net/{family}/neigh/default/gc_thresh{number}": entries
        for family in ("ipv4", "ipv6")
        for number, entries in ((1, 2048), (2, 4096), (3, 8192))
    },
}


def needed() -> list[Switch]:
    """Return the switches of limits that are too low; higher values are never lowered."""
    found = {name: switches.value(name) for name in LIMITS}
    return [
        Switch(name, str(LIMITS[name]))
        for name, value in found.items()
        if value is not None and value.isdecimal() and int(value) < LIMITS[name]
    ]
