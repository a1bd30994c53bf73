"""The settings as frozen typed objects: a class for each section of ``invoke.yaml``."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from hostonly.providers import PROVIDERS
from hostonly.settings.values import (
    ADDRESS_ALLOWED,
    BRIDGE_ALLOWED,
    INTERFACE_ALLOWED,
    PORT_ALLOWED,
    USER_PORT_ALLOWED,
    Address,
    BaseReference,
    Bridge,
    Hostname,
    Interface,
    MachineName,
    Port,
    Repository,
    UserPort,
)
from hostonly.site import DOCKER_RANGE, ROOT, SANDBOX, SANDBOX2, SSH_PORT
from hostonly.waiting import LEAST, MOST

# Docker's engines that sandboxes can have: that of the Debian release they are made from.
ENGINES = ("20.10",)
# Where the registry itself listens, on the sandbox's loopback (packer/guest/configure).
REGISTRY_BEHIND_PORT = 15000


class Section(BaseModel):
    """The common properties of all sections: frozen, strict, closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _conflict(key: str, value: object, allowed: str) -> PydanticCustomError:
    return PydanticCustomError(
        "conflict", "{allowed}", {"key": key, "value": str(value), "allowed": allowed}
    )


def _one_of(*known: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in known:
            raise ValueError("none of them")
        return value

    return AfterValidator(check)


Provider = Annotated[str, _one_of(*PROVIDERS)]
Engine = Annotated[str, _one_of(*ENGINES)]
PROVIDER_ALLOWED = " or ".join(PROVIDERS)
ENGINE_ALLOWED = " or ".join(ENGINES)
MEMORY_ALLOWED = "MiB, a whole number from 256 to 1048576"
CPUS_ALLOWED = "a whole number from 1 to 256"


class SandboxSettings(Section):
    """The machines: how they are made, what their names begin with, their size."""

    # A provider that does not exist yet is a wrong value.
    provider: Provider = Field(description=PROVIDER_ALLOWED)
    engine: Engine = Field(description=ENGINE_ALLOWED)
    name: Hostname = Field(
        description="a hostname: at most 40 of a-z, 0-9 and -, beginning with a letter, not ending with -"
    )
    memory: int = Field(ge=256, le=1_048_576, description=MEMORY_ALLOWED)
    cpus: int = Field(ge=1, le=256, description=CPUS_ALLOWED)


class MachineSettings(Section):
    """The settings of one machine that differ from the section ``sandbox``."""

    address: Address | None = Field(default=None, description=ADDRESS_ALLOWED + "172.16.0.4")
    provider: Provider | None = Field(default=None, description=PROVIDER_ALLOWED)
    engine: Engine | None = Field(default=None, description=ENGINE_ALLOWED)
    memory: int | None = Field(default=None, ge=256, le=1_048_576, description=MEMORY_ALLOWED)
    cpus: int | None = Field(default=None, ge=1, le=256, description=CPUS_ALLOWED)


class NetworkSettings(Section):
    """The bridges and addresses."""

    bridge: Bridge = Field(description=BRIDGE_ALLOWED)
    host: Interface = Field(description=INTERFACE_ALLOWED + "172.16.0.1/24")
    sandbox: Address = Field(description=ADDRESS_ALLOWED + "172.16.0.2")
    sandbox2: Address = Field(description=ADDRESS_ALLOWED + "172.16.0.3")
    nat_bridge: Bridge = Field(description=BRIDGE_ALLOWED)
    nat: Interface = Field(description=INTERFACE_ALLOWED + "10.203.16.1/24")

    @model_validator(mode="after")
    def _fits_together(self) -> NetworkSettings:
        if self.bridge == self.nat_bridge:
            raise _conflict("nat_bridge", self.nat_bridge, "a name other than network.bridge")
        net = self.host.network
        for key, interface in (("host", self.host), ("nat", self.nat)):
            if interface.network.overlaps(DOCKER_RANGE):
                raise _conflict(
                    key,
                    interface,
                    f"a range apart from {DOCKER_RANGE}, Docker's own in the sandbox",
                )
        if self.nat.network.overlaps(net):
            raise _conflict("nat", self.nat, f"a range apart from network.host's ({net})")
        return self


class RegistrySettings(Section):
    """The image registry on the sandbox."""

    port: Port = Field(description=PORT_ALLOWED)


class HelloSettings(Section):
    """HelloSocket."""

    port: UserPort = Field(description=USER_PORT_ALLOWED)


class ImageSettings(Section):
    """HelloSocket's image."""

    base: BaseReference = Field(
        description="empty for the project's own, or a reference of an image with Java 11 or newer "
        "on its PATH and a shell, such as eclipse-temurin:21-jre"
    )
    python_base: BaseReference = Field(
        description="empty for the project's own, or a reference of an image with Python 3.11 or newer "
        "on its PATH and a shell, such as python:3.13-slim"
    )

    name: Repository = Field(
        description="a Docker repository name without registry and tag: a-z and 0-9, "
        "parted by . _ - or /, at most 128"
    )


class WaitingSettings(Section):
    """Limits on waiting for somebody else's work."""

    patience: int = Field(ge=LEAST, le=MOST, description=f"a whole number from {LEAST} to {MOST}")


class Settings(Section):
    """All settings of a checkout, made by ``load`` and ``read``; tests may call it directly."""

    sandbox: SandboxSettings = Field(description="a section with provider, name, memory, cpus")
    network: NetworkSettings = Field(
        description="a section with bridge, host, sandbox, sandbox2, nat_bridge, nat"
    )
    registry: RegistrySettings = Field(description="a section with port")
    hello: HelloSettings = Field(description="a section with port")
    image: ImageSettings = Field(description="a section with base, python_base and name")
    waiting: WaitingSettings = Field(description="a section with patience")
    machines: dict[MachineName, MachineSettings] = Field(
        default_factory=dict,
        description="a section with a section for each further machine: its name, at most 16 of a-z and 0-9 "
        "beginning with a letter, with address and maybe provider, engine, memory, cpus",
    )
    # Not a setting: where the checkout is. `load` and `read` refuse it as a key of a file.
    root: Path = Field(default=ROOT, exclude=True)

    @model_validator(mode="after")
    def _ports_differ(self) -> Settings:
        taken = {
            SSH_PORT: "22 (ssh)",
            REGISTRY_BEHIND_PORT: f"{REGISTRY_BEHIND_PORT} (the registry behind its port)",
        }
        for key, port in (("registry.port", self.registry.port), ("hello.port", self.hello.port)):
            if port in taken:
                raise _conflict(key, port, f"a port other than {taken[port]}")
            taken[port] = key
        return self

    @model_validator(mode="after")
    def _addresses_fit(self) -> Settings:
        net, host = self.network.host.network, self.network.host.ip
        taken = {host: "network.host"}
        for name, machine in self.machines.items():
            first = name in (SANDBOX, SANDBOX2)
            if first and machine.address is not None:
                key = f"machines.{name}.address"
                raise _conflict(key, machine.address, f"nothing: network.{name} says it")
            if not first and machine.address is None:
                raise _conflict(f"machines.{name}.address", None, ADDRESS_ALLOWED + "172.16.0.4")
        for name, (address, _) in self.all_machines.items():
            key = f"network.{name}" if name in (SANDBOX, SANDBOX2) else f"machines.{name}.address"
            if address not in net or address in (net.network_address, net.broadcast_address):
                first_one, last = net.network_address + 1, net.broadcast_address - 1
                raise _conflict(
                    key, address, f"from {first_one} to {last}, as network.host is in {net}"
                )
            if address in taken:
                raise _conflict(key, address, f"an address other than {taken[address]}")
            taken[address] = key
        # The machines' eth0 are at the next addresses (derive.py).
        count, nat = len(self.all_machines), self.network.nat
        last = nat.network.broadcast_address - 1 - count
        if nat.ip > last:
            raise _conflict(
                "network.nat", nat, f"at most {last}: the next {count} are the machines'"
            )
        return self

    @property
    def all_machines(self) -> dict[str, tuple[IPv4Address, MachineSettings]]:
        """Every machine by its name, with its address, also without a section of its own."""
        named = {SANDBOX: self.network.sandbox, SANDBOX2: self.network.sandbox2}
        default = MachineSettings()
        first = {name: (each, self.machines.get(name, default)) for name, each in named.items()}
        further = {
            name: (machine.address, machine)
            for name, machine in self.machines.items()
            if machine.address is not None and name not in named
        }
        return first | further


SECTIONS: dict[str, type[Section]] = {
    "sandbox": SandboxSettings,
    "network": NetworkSettings,
    "registry": RegistrySettings,
    "hello": HelloSettings,
    "image": ImageSettings,
    "waiting": WaitingSettings,
}
# The section whose keys are machines' names.
MACHINES = "machines"
