"""Our one nftables table: NAT for the sandboxes' eth0, and host-only for their eth1.

The table's name carries the project's mark and the name of the checkout's sandboxes. It is written
in one transaction and removed by its name only.
"""

from __future__ import annotations

from dataclasses import dataclass

from hostonly.errors import ToolFailed
from hostonly.host.command import run
from hostonly.site import MARK, Site


@dataclass(frozen=True, slots=True)
class Table:
    """The table of a checkout."""

    name: str
    rules: str


def table_name(sandboxes: str) -> str:
    """Return the name of the table of the checkout whose sandboxes are called ``sandboxes``."""
    return f"{MARK}_{sandboxes.replace('-', '_')}"


def table(site: Site) -> Table:
    """Return the table for ``site``, in nft's own language.

    Filtering comes before Docker's and everybody else's (priority -10), since a drop there is final
    while an accept is not: nothing that the user's own firewall forbids becomes allowed.
    """
    name, net, nat = table_name(site.name), site.bridge.name, site.nat.name
    macs = ", ".join(machine.nat.mac for machine in site.machines)
    pairs = ", ".join(f"{each.nat.mac} . {each.nat.address.ip}" for each in site.machines)
    # This cannot be demanded of eth1: a macvlan container there has a MAC of its own.
    own = f"""\
iifname "{nat}" ether saddr != {{ {macs} }} counter drop comment "no MAC but their own"
        iifname "{nat}" meta nfproto ipv4 ether saddr . ip saddr != {{ {pairs} }} counter drop comment "no address but their own"\
"""
    rules = f"""\
table inet {name}
delete table inet {name}
table inet {name} {{
    comment "{MARK}: made by inv host.prepare, removed by inv host.restore"
    chain input {{
        type filter hook input priority -10; policy accept;
        iifname != {{ "{net}", "{nat}" }} accept comment "none of ours"
        {own}
        ct state established,related accept comment "what this machine started"
        icmp type {{ echo-request, destination-unreachable, time-exceeded }} accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, echo-request }} accept
        iifname "{nat}" meta l4proto {{ tcp, udp }} th dport 53 accept comment "this machine may be the name server"
        counter drop comment "a sandbox starts nothing on this machine"
    }}
    chain forward {{
        type filter hook forward priority -10; policy accept;
        iifname "{net}" oifname "{net}" accept comment "sandbox to sandbox"
        iifname "{net}" counter drop comment "host-only: nothing leaves through this machine"
        oifname "{net}" counter drop comment "host-only: nothing enters through this machine"
        iifname "{nat}" oifname "{nat}" counter drop comment "sandboxes meet on eth1 only"
        iifname "{nat}" meta nfproto ipv6 counter drop comment "NAT is for IPv4"
        {own}
        oifname "{nat}" ct state established,related accept comment "answers"
        oifname "{nat}" counter drop comment "NAT is a way out, not in"
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        iifname "{nat}" ip saddr {site.nat.network} masquerade comment "the way out of eth0"
    }}
}}
"""
    return Table(name, rules)


def apply(wanted: Table) -> None:
    """Write the table as it must be, in one transaction.

    Raises:
        ToolFailed: nft refused it (its message is kept).
    """
    run(["nft", "-f", "-"], root=True, stdin=wanted.rules, timeout=10)


def present(wanted: Table) -> bool:
    """Return whether a table of that name exists, whatever is in it.

    Raises:
        ToolFailed: nft does not say.
    """
    tables = run(["nft", "list", "tables", "inet"], root=True, timeout=10)
    return f"table inet {wanted.name}" in tables.splitlines()


def remove(wanted: Table) -> bool:
    """Remove the table; return False where there was none."""
    try:
        run(["nft", "delete", "table", "inet", wanted.name], root=True, timeout=10)
    except ToolFailed as error:
        if "No such file or directory" in error.output:
            return False
        raise
    return True
