"""The opening of this machine to outsiders for a check, except for our own table.

The machine is then as where the user has set ``ip_forward=1``, and as the user's own Docker makes
it for its containers: packets of the outsiders' interfaces and of the host-only bridge are carried
on, a FORWARD chain that drops has an accept for them, and what comes from behind a bridge goes out
under this machine's address. None of that must be what keeps outsiders out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from hostonly.host import forward_chain, forwarding
from hostonly.host.command import run
from hostonly.host.outsiders import PROC6, close, force, read, table
from hostonly.site import MARK, Site


def not_forwarding6(site: Site) -> str | None:
    """Return why this machine, whose bridge has IPv6, carries no packets on to it; else None.

    It counts as carrying them also where it can be told to for single interfaces."""
    bridge = PROC6 / site.bridge.name
    if read(PROC6 / "all" / "forwarding") == "0" and not (bridge / "force_forwarding").exists():
        return (
            "net.ipv6.conf.all.forwarding is 0, so this machine carries no IPv6 packet on; to switch it on for"
            " single interfaces (force_forwarding) is for Linux 6.17 and later"
        )
    return None


@contextlib.contextmanager
def opened(site: Site, links: Sequence[str], masked: str | None, *, ipv6: bool) -> Iterator[None]:
    """Carry on what comes in by ``links`` and by the host-only bridge, in both directions.

    What comes from behind ``masked`` goes out under this machine's address.

    Raises:
        ToolFailed: a switch or a rule was refused.
    """
    bridge = site.bridge.name
    try:
        for link in (*links, bridge):
            forwarding.switch(link, "1")
            if ipv6:
                force(link, "1")
        programs = [forward_chain.IPV4, *([forward_chain.IPV6] if ipv6 else [])]
        rules = [[side, link] for link in links for side in ("-i", "-o")]
        for program in programs:
            forward_chain.accept(program, rules)
        if masked is not None:
            run(["nft", "-f", "-"], root=True, stdin=_masquerade(site, masked), timeout=10)
        yield
    finally:
        close(site, links)


def _masquerade(site: Site, bridge: str) -> str:
    name = table(site.name)
    return f"""\
table inet {name}
delete table inet {name}
table inet {name} {{
    comment "{MARK}: for the time of inv check.host-only"
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        iifname "{bridge}" oifname != "{bridge}" masquerade
    }}
}}
"""
