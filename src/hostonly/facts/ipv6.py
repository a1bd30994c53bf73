r"""Whether a link has IPv6 at all: ``sysctl -a -r 'net\.ipv6\.conf\..*\.disable_ipv6$'``.

Sources: Linux, ip-sysctl, ``disable_ipv6``: only a link's own switch counts, and whoever turns
``all`` turns those of all links and ``default``, which new links begin with. ``ipv6.disable=1`` on
the kernel's command line leaves no ``/proc/sys/net/ipv6`` (admin-guide/kernel-parameters). A link
whose MTU is below 1280, the least that IPv6 needs (RFC 8200), has no IPv6 switches
(``addrconf.c``)."""

from __future__ import annotations

from collections.abc import Mapping

from hostonly.facts.fact import Fact, read, select
from hostonly.facts.questions import Question
from hostonly.facts.sysctl import parse_all, sysctls
from hostonly.vantages import Result, typed_on_host

DISABLED = r"net\.ipv6\.conf\..*\.disable_ipv6$"


def ipv6_off(link: str) -> Question[str | None]:
    """Ask why ``link`` has no IPv6, and how to switch it on again; None where it is not off."""

    def read_off(result: Result) -> Fact[str | None]:
        switches = read(result, parse_all)
        return select(switches, lambda each: off(each, link, result.vantage, result.prompt))

    return Question(sysctls(DISABLED).argv, read_off)


def off(switches: Mapping[str, int], link: str, place: str, prompt: str) -> str | None:
    """Return why ``link`` has no IPv6, by these ``switches``; None where it is not off.

    ``place`` is what reports call the machine, ``prompt`` the shell that its commands are typed in.
    """
    if not switches:
        return (
            f"the {place}'s kernel has no IPv6: there is no /proc/sys/net/ipv6 (ipv6.disable=1 on its"
            " command line, or no such module)"
        )
    own, every = switch(link), switch("all")
    if own not in switches:
        return f"the {place}'s {link} has no IPv6: there is no {own} (is its MTU below 1280?)"
    if not switches[own]:
        return None
    name = every if switches.get(every) else own
    again = typed_on_host(prompt, ("sudo", "sysctl", "-w", f"{name}=0"))
    part = "new links" if link == "default" else link
    where = f"the {place}" if name == every else f"the {place}'s {part}"
    return f"IPv6 is switched off on {where}: {name} is 1; to switch it on again: {again}"


def switch(link: str) -> str:
    """Return the name of the switch of ``link`` (``all``, ``default``), as sysctl(8) writes it."""
    return f"net.ipv6.conf.{link.replace('.', '/')}.disable_ipv6"
