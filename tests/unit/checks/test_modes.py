"""Ports and addresses for the matrix's containers."""

from __future__ import annotations

from hostonly.checks.matrix.modes import MODES, PEERS, free_ports
from hostonly.settings import Settings


def test_ports_keep_clear_of_the_taken_and_the_settings(settings: Settings) -> None:
    hello = settings.hello.port
    ports = free_ports([hello + 1, hello + 3], 3, settings)
    assert ports == (hello + 2, hello + 4, hello + 5)
    assert settings.hello.port not in free_ports([], 50, settings)


def test_ports_near_the_end(settings: Settings) -> None:
    hello = settings.hello.model_copy(update={"port": 65535})
    ports = free_ports([], 9, settings.model_copy(update={"hello": hello}))
    assert len(ports) == 9
    assert max(ports) < 65535


def test_every_mode_has_peers_that_look_at_it() -> None:
    names = {peer.name for peer in PEERS}
    for mode in MODES:
        assert {mode.same, mode.other} <= names
        assert mode.same != mode.other
