"""Ports and addresses for the matrix's containers."""

from __future__ import annotations

from dataclasses import replace

from hostonly.checks.matrix.modes import MODES, PEERS, free_ports
from hostonly.site import Site


def test_ports_keep_clear_of_the_taken_and_the_settings(site: Site) -> None:
    hello = site.hello_port
    ports = free_ports([hello + 1, hello + 3], 3, site)
    assert ports == (hello + 2, hello + 4, hello + 5)
    assert site.hello_port not in free_ports([], 50, site)


def test_ports_near_the_end(site: Site) -> None:
    ports = free_ports([], 9, replace(site, hello_port=65535))
    assert len(ports) == 9
    assert max(ports) < 65535


def test_every_mode_has_peers_that_look_at_it() -> None:
    names = {peer.name for peer in PEERS}
    for mode in MODES:
        assert {mode.same, mode.other} <= names
        assert mode.same != mode.other
