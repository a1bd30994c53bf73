"""The machine's limits that sandboxes share with it, raised while there are any.

The kernel counts what a sandbox's users have of these as the host's root's, who owns their user
namespace, or has one table for all network namespaces (kernel documentation: ip-sysctl, inotify(7),
fanotify(7)). Debian's values are for one machine. What a sandbox takes is charged to its own limit of
memory: on Linux 6.18 an inotify instance is 1.0 kB and a watch 90 bytes without the inode. So these are
more than fits into two sandboxes of 2 GiB, the default, which come to their own ends first. Neighbours
are charged to nobody: there it is what hosts of many containers have (LXD's "production setup").
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
    """Those that are lower than they should be; what is higher is never lowered."""
    found = {name: switches.value(name) for name in LIMITS}
    return [
        Switch(name, str(LIMITS[name]))
        for name, value in found.items()
        if value is not None and value.isdecimal() and int(value) < LIMITS[name]
    ]
