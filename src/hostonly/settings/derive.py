"""The way from the settings to the ``Site``, where names, addresses, MACs, folders are derived."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from hostonly.errors import HostonlyError
from hostonly.settings.sections import MachineSettings, Settings
from hostonly.site import (
    BRIDGE,
    ETH0,
    ETH1,
    INSTANCES,
    MARK,
    Bridge,
    ImageSpec,
    Link,
    MachineSpec,
    Site,
    box_name,
    instance_name,
    mac,
    temporary_prefix,
)


def settle(settings: Settings) -> Site:
    """Return the site of ``settings`` on this machine.

    Raises:
        HostonlyError: the recipe of a provider's machines is not in the checkout.
    """
    root, network = settings.root, settings.network
    state, mark = root / ".hostonly", f"{MARK} {root}"
    nat, host = network.nat, network.host
    bridge = Bridge(network.bridge, host, mac(host.ip, BRIDGE), mark)
    nat_bridge = Bridge(network.nat_bridge, nat, mac(nat.ip, BRIDGE), mark)

    def machine(
        number: int, name: str, address: IPv4Address, given: MachineSettings
    ) -> MachineSpec:
        instance = instance_name(settings.sandbox.name, name)
        provider = given.provider or settings.sandbox.provider
        return MachineSpec(
            name=name,
            instance=instance,
            provider=provider,
            engine=given.engine or settings.sandbox.engine,
            memory=given.memory or settings.sandbox.memory,
            cpus=given.cpus or settings.sandbox.cpus,
            nat=_link("eth0", nat_bridge, nat.ip + 1 + number, mac(address, ETH0)),
            host_only=_link("eth1", bridge, address, mac(address, ETH1)),
            box=_box(root, provider),
            folder=INSTANCES / instance,
            certificates=state / "registry" / name,
            host_key=state / "ssh" / f"{name}.host_ed25519",
            vagrant_id=root / ".vagrant" / "machines" / name / provider / "id",
        )

    return Site(
        root=root,
        state=state,
        name=settings.sandbox.name,
        temporary=temporary_prefix(root),
        bridge=bridge,
        nat=nat_bridge,
        machines=tuple(
            machine(number, name, address, given)
            for number, (name, (address, given)) in enumerate(settings.all_machines.items())
        ),
        hello_port=settings.hello.port,
        registry_port=settings.registry.port,
        image=ImageSpec(settings.image.name, settings.image.base, settings.image.python_base),
        login_key=state / "ssh" / "id_ed25519",
        known_hosts=state / "ssh" / "known_hosts",
        patience=settings.waiting.patience,
    )


def _link(name: str, bridge: Bridge, address: IPv4Address, mac: str) -> Link:
    interface = IPv4Interface(f"{address}/{bridge.network.prefixlen}")
    return Link(name, bridge.name, interface, mac)


def _box(root: Path, provider: str) -> str:
    try:
        return box_name(root, provider)
    except OSError as error:
        raise HostonlyError(
            f"the recipe of machines by {provider} cannot be read: {error.filename}: {error.strerror}",
            remedy=f"git checkout packer/guest/{provider}",
        ) from error
