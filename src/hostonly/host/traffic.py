"""Permissions for packets through this machine: our table, our rules beside Docker's, forwarding.

The limits that sandboxes share with this machine are set here too. All of it may go while a sandbox
runs: a restart of nftables flushes every table, a Docker that is started makes the chain FORWARD
drop, a network that is joined has another uplink.
"""

from __future__ import annotations

from pathlib import Path

from hostonly.events import Done, Emit, Warned
from hostonly.host import bridge_netfilter, firewall, forwarding, limits, switches
from hostonly.site import Site


def allow(site: Site, journal: Path, emit: Emit, *, again: bool) -> None:
    """Make all of it as it must be, also where some of it exists.

    ``journal`` keeps the values of the machine's switches from before. ``again``: all of it was
    made already, so that it is worth a warning where something is gone.

    Raises:
        ToolFailed: nft, iptables or sysctl refused.
    """
    table = firewall.table(site)
    if again and not firewall.present(table):
        emit(
            Warned(f"the firewall table {table.name} was gone: nothing kept others out; made again")
        )
    # Written each time: somebody may have taken a rule out of it.
    firewall.apply(table)
    accepted = bridge_netfilter.accept(site.bridge.name, site.nat.name)
    if again and accepted:
        emit(Done("this machine's FORWARD chain drops: it lets the sandboxes' packets pass again"))
    switches.turn([*forwarding.needed(site), *limits.needed()], journal)


def put_back(journal: Path) -> list[str]:
    """Put back the machine's switches that ``allow`` turned; return in words which these were."""
    names = switches.put_back(journal)
    told = [f"forwarding on {name.split('/')[3]}" for name in names if name not in limits.LIMITS]
    return told + (["the limits that sandboxes share"] if len(told) < len(names) else [])
