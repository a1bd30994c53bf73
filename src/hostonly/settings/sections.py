"""The settings as frozen typed objects: a class for each section of `invoke.yaml`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from hostonly.settings.values import (
    ADDRESS_ALLOWED,
    BRIDGE_ALLOWED,
    DOCKER_RANGE,
    INTERFACE_ALLOWED,
    PORT_ALLOWED,
    USER_PORT_ALLOWED,
    Address,
    BaseReference,
    Bridge,
    Hostname,
    Interface,
    Port,
    Repository,
    UserPort,
)
from hostonly.waiting import LEAST, MOST

# src/hostonly/settings/sections.py -> the checkout.
ROOT = Path(__file__).resolve().parents[3]

SSH_PORT = 22
# Where the registry itself listens, on the sandbox's loopback (packer/guest/configure).
REGISTRY_BEHIND_PORT = 15000


class Section(BaseModel):
    """What all parts of the settings have in common: frozen, strict, closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _conflict(key: str, value: object, allowed: str) -> PydanticCustomError:
    return PydanticCustomError(
        "conflict", "{allowed}", {"key": key, "value": str(value), "allowed": allowed}
    )


class Sandbox(Section):
    """The machine: how it is made, its name, its size."""

    # libvirt and virtualbox are to come: what cannot be made is a wrong value until then.
    provider: Literal["lxc"] = Field(description="lxc")
    name: Hostname = Field(
        description="a hostname: at most 40 of a-z, 0-9 and -, beginning with a letter, not ending with -"
    )
    memory: int = Field(ge=256, le=1_048_576, description="MiB, a whole number from 256 to 1048576")
    cpus: int = Field(ge=1, le=256, description="a whole number from 1 to 256")


class Network(Section):
    """The bridges and addresses."""

    bridge: Bridge = Field(description=BRIDGE_ALLOWED)
    host: Interface = Field(description=INTERFACE_ALLOWED + "172.16.0.1/24")
    sandbox: Address = Field(description=ADDRESS_ALLOWED + "172.16.0.2")
    sandbox2: Address = Field(description=ADDRESS_ALLOWED + "172.16.0.3")
    nat_bridge: Bridge = Field(description=BRIDGE_ALLOWED)
    nat: Interface = Field(description=INTERFACE_ALLOWED + "10.203.16.1/24")

    @model_validator(mode="after")
    def _fits_together(self) -> Network:
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
        # The sandboxes' eth0 are at the next two addresses (host/ends.py).
        last = self.nat.network.broadcast_address - 3
        if self.nat.ip > last:
            raise _conflict("nat", self.nat, f"at most {last}: the next two are the sandboxes'")
        taken = {self.host.ip: "network.host"}
        for key, address in (("sandbox", self.sandbox), ("sandbox2", self.sandbox2)):
            if address not in net or address in (net.network_address, net.broadcast_address):
                first, last = net.network_address + 1, net.broadcast_address - 1
                raise _conflict(
                    key, address, f"from {first} to {last}, as network.host is in {net}"
                )
            if address in taken:
                raise _conflict(key, address, f"an address other than {taken[address]}")
            taken[address] = f"network.{key}"
        return self


class Registry(Section):
    """The image registry on the sandbox."""

    port: Port = Field(description=PORT_ALLOWED)


class Hello(Section):
    """HelloSocket."""

    port: UserPort = Field(description=USER_PORT_ALLOWED)


class Image(Section):
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


class Waiting(Section):
    """How long somebody else's work is waited for."""

    patience: int = Field(ge=LEAST, le=MOST, description=f"a whole number from {LEAST} to {MOST}")


class Settings(Section):
    """All settings of a checkout. `load` and `read` make it; tests may call it directly."""

    sandbox: Sandbox = Field(description="a section with provider, name, memory, cpus")
    network: Network = Field(
        description="a section with bridge, host, sandbox, sandbox2, nat_bridge, nat"
    )
    registry: Registry = Field(description="a section with port")
    hello: Hello = Field(description="a section with port")
    image: Image = Field(description="a section with base, python_base and name")
    waiting: Waiting = Field(description="a section with patience")
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

    @property
    def state(self) -> Path:
        """Where this checkout keeps its state, caches and logs; ignored by git, may be absent."""
        return self.root / ".hostonly"

    def to_json(self) -> str:
        """The resolved settings in the shape of `invoke.yaml`: the Vagrantfile's HOSTONLY_SETTINGS."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


SECTIONS: dict[str, type[Section]] = {
    "sandbox": Sandbox,
    "network": Network,
    "registry": Registry,
    "hello": Hello,
    "image": Image,
    "waiting": Waiting,
}
