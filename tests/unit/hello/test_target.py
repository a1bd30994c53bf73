"""Nobody is called but this machine and what is behind our own bridge."""

from __future__ import annotations

import pytest

from hostonly.errors import Unreachable, UsageError
from hostonly.hello import target
from hostonly.site import Site


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The ways that the kernel was asked for."""
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(target, "require_host_only_route", lambda *way: seen.append(way))
    return seen


def test_loopback_is_this_machine(site: Site, asked: list[tuple[str, str]]) -> None:
    assert target.address_to_call("localhost", site) == "127.0.0.1"
    assert target.address_to_call("127.8.0.1", site) == "127.8.0.1"
    assert target.address_and_port("[::1]:80", site) == ("::1", 80)
    assert asked == []


def test_a_sandbox_is_called_by_our_bridge_alone(
    site: Site, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for machine in site.machines:
        assert target.address_to_call(machine.name, site) == machine.address
    assert target.address_and_port(f"{site.sandbox.address}:8080", site)[1] == 8080
    assert asked[0] == (site.sandbox.address, site.bridge.name)

    def elsewhere(address: str, bridge: str) -> None:
        raise Unreachable("packets would leave by tun0")

    monkeypatch.setattr(target, "require_host_only_route", elsewhere)
    with pytest.raises(Unreachable):
        target.address_to_call("sandbox", site)


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "10.0.0.1", "example.com", "0.0.0.0", "::ffff:8.8.8.8", "fe80::1", "", "1"]
)
def test_nobody_else(site: Site, asked: list[tuple[str, str]], host: str) -> None:
    with pytest.raises(UsageError):
        target.address_to_call(host, site)
    assert asked == []


@pytest.mark.parametrize(
    "typed", ["localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:٣"]
)
def test_no_port(site: Site, typed: str) -> None:
    with pytest.raises(UsageError):
        target.address_and_port(typed, site)
