"""The settings: `invoke.yaml`, layered by Invoke, turned once into frozen typed objects.

Every value a user can give is checked here, where it enters; nothing after
this asks again. Unknown keys and unknown `INVOKE_…` variables are refused,
because a setting that is silently ignored is worse than an error.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal

from invoke import Context
from invoke.config import Config
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hostonly.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]

# Ranges that belong to nobody on the internet: whoever's traffic this machine
# carries there, it is local. Loopback, link-local, multicast and 0/8 are not among them.
LOCAL_RANGES = tuple(
    IPv4Network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "192.0.2.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
    )
)
# The engine in the sandbox has its docker0 there.
DOCKER_RANGE = IPv4Network("172.17.0.0/16")

# Interfaces that belong to others, and two words that /proc/sys/net means otherwise.
FOREIGN_INTERFACE = re.compile(
    r"lo|all|default|(docker|lxcbr|lxdbr|virbr|vboxnet|eth|wlan|tun|tap|wg)[0-9]+"
    r"|(en|wl)[opsx][0-9a-z]*|br-.*|veth.*"
)

SSH_PORT = 22
# Where the registry itself listens, on the sandbox's loopback (packer/guest/configure).
REGISTRY_BEHIND_PORT = 15000


def _interface(value: object) -> IPv4Interface:
    if isinstance(value, IPv4Interface):
        found = value
    elif isinstance(value, str) and re.fullmatch(r"[0-9.]{7,15}/[0-9]{1,2}", value):
        found = IPv4Interface(value)
    else:
        raise ValueError("no address with a prefix length")
    # /29 still has room for the host and two sandboxes; more than /16 swallows other networks.
    if not 16 <= found.network.prefixlen <= 29:
        raise ValueError("prefix length")
    if found.ip in (found.network.network_address, found.network.broadcast_address):
        raise ValueError("no host's address")
    if not any(found.network.subnet_of(local) for local in LOCAL_RANGES):
        raise ValueError("not a private range")
    return found


def _address(value: object) -> IPv4Address:
    if isinstance(value, IPv4Address) and not isinstance(value, IPv4Interface):
        return value
    if not isinstance(value, str):
        raise ValueError("no address")
    return IPv4Address(value)


def _bridge(value: object) -> str:
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[a-z][a-z0-9-]{0,14}", value)
        or FOREIGN_INTERFACE.fullmatch(value)
    ):
        raise ValueError("no name for a bridge")
    return value


def _shaped(pattern: str) -> Callable[[object], str]:
    """A validator for texts that match ``pattern`` whole. pydantic's own takes longer to import."""

    def check(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError("shape")
        return value

    return check


_INTERFACE = (
    "the host's IPv4 address on the bridge with its prefix length (/16 to /29), in a private "
    "range, and not the range's first or last address, such as "
)
_ADDRESS = "an IPv4 address in the range of network.host, such as "
_BRIDGE = (
    "at most 15 of a-z, 0-9 and -, beginning with a letter, and no name that others use "
    "(docker0, lxcbr0, eth0, ...)"
)
_PORT = "a whole number from 1 to 65535, other than 22 (ssh) and the other ports"

Interface = Annotated[IPv4Interface, BeforeValidator(_interface)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
Bridge = Annotated[str, BeforeValidator(_bridge)]
Port = Annotated[int, Field(ge=1, le=65535, description=_PORT)]
Hostname = Annotated[str, BeforeValidator(_shaped(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"))]
# The grammar of a Docker repository, without the registry in front and the tag behind.
Repository = Annotated[
    str,
    BeforeValidator(
        _shaped(
            r"(?=.{1,128}\Z)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
        )
    ),
]
# The grammar of an image's reference: registry, repository, tag and digest; or empty.
BaseReference = Annotated[
    str,
    BeforeValidator(
        _shaped(
            r"(?=.{0,300}\Z)(([a-zA-Z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*"
            r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?)?"
        )
    ),
]


class Section(BaseModel):
    """What all parts of the settings have in common: frozen, strict, closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _conflict(key: str, value: object, allowed: str) -> PydanticCustomError:
    return PydanticCustomError(
        "conflict", "{allowed}", {"key": key, "value": str(value), "allowed": allowed}
    )


class Sandbox(Section):
    """The machine: how it is made, its name, its size."""

    provider: Literal["lxc", "libvirt", "virtualbox"] = Field(
        description="lxc, libvirt or virtualbox"
    )
    name: Hostname = Field(
        description="a hostname: at most 40 of a-z, 0-9 and -, beginning with a letter, not ending with -"
    )
    memory: int = Field(ge=256, le=1_048_576, description="MiB, a whole number from 256 to 1048576")
    cpus: int = Field(ge=1, le=256, description="a whole number from 1 to 256")


class Network(Section):
    """The bridges and addresses."""

    bridge: Bridge = Field(description=_BRIDGE)
    host: Interface = Field(description=_INTERFACE + "172.16.0.1/24")
    sandbox: Address = Field(description=_ADDRESS + "172.16.0.2")
    sandbox2: Address = Field(description=_ADDRESS + "172.16.0.3")
    nat_bridge: Bridge = Field(description=_BRIDGE)
    nat: Interface = Field(description=_INTERFACE + "10.203.16.1/24")

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

    port: Port = Field(description=_PORT)


class Hello(Section):
    """HelloSocket."""

    port: Port = Field(description=_PORT)


class Image(Section):
    """HelloSocket's image."""

    base: BaseReference = Field(
        description="empty for the project's own, or a reference of an image with Java 11 or newer "
        "on its PATH and a shell, such as eclipse-temurin:21-jre"
    )

    name: Repository = Field(
        description="a Docker repository name without registry and tag: a-z and 0-9, "
        "parted by . _ - or /, at most 128"
    )


class Settings(Section):
    """All settings of a checkout. `load` and `read` make it; tests may call it directly."""

    sandbox: Sandbox = Field(description="a section with provider, name, memory, cpus")
    network: Network = Field(
        description="a section with bridge, host, sandbox, sandbox2, nat_bridge, nat"
    )
    registry: Registry = Field(description="a section with port")
    hello: Hello = Field(description="a section with port")
    image: Image = Field(description="a section with base and name")
    # Not a setting: where the checkout is. `_checked` refuses it as a key of a file.
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
}


def shown(value: object) -> str:
    """`value` for an error: its repr, at most 60 characters, nothing that drives a terminal."""
    text = ascii(value) if not isinstance(value, str) or not value.isprintable() else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def dotted_names() -> list[str]:
    """All settings' dotted names."""
    return [f"{name}.{key}" for name, model in SECTIONS.items() for key in model.model_fields]


def variable(key: str) -> str:
    """The environment variable that overrides the setting `key`."""
    return "INVOKE_" + key.replace(".", "_").upper()


def refusal(key: str, value: object, allowed: str | None = None) -> SettingsError:
    """The error for a value of `key` that is not allowed; `allowed` is the key's own when None."""
    if allowed is None:
        section, _, field = key.partition(".")
        model = SECTIONS.get(section)
        known = model.model_fields.get(field) if model else None
        allowed = (known.description if known else None) or "nothing"
    origin = f" (from {variable(key)})" if variable(key) in os.environ else ""
    return SettingsError(f"{key}: {shown(value)}{origin} is not allowed: {allowed}")


def load(config: Config | Context, root: Path = ROOT) -> Settings:
    """The settings of the running task. Raises `SettingsError`, one line.

    Files of the user and the machine (`~/.invoke.yaml`) may hold what other
    projects need; the project's and `-f`'s may not.
    """
    if isinstance(config, Context):
        config = config.config
    for level in ("_project", "_runtime"):
        _refuse_unknown(getattr(config, level, None) or {}, own=Config.global_defaults())
    _refuse_unknown_variables()
    merged: Mapping[str, Any] = config._config
    return _checked({name: merged[name] for name in SECTIONS if name in merged}, root)


def read(path: Path, root: Path = ROOT) -> Settings:
    """The settings of one file alone, without Invoke's layers. Raises `SettingsError`."""
    from invoke.util import yaml

    try:
        data = yaml.safe_load(path.read_text())  # type: ignore[no-untyped-call]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: must hold keys and values, not {shown(data)}")
    _refuse_unknown(data, own={})
    return _checked(data, root)


def _refuse_unknown(data: Mapping[Any, Any], own: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if key not in SECTIONS and key not in own and key != "debug":
            raise _unknown(str(key), value, list(SECTIONS))


def _unknown(key: str, value: object, known: list[str]) -> SettingsError:
    from difflib import get_close_matches

    near = get_close_matches(key[:100], known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    name = key if key.isprintable() and len(key) <= 60 else shown(key)
    return SettingsError(
        f"{name}: {shown(value)} is for an unknown key; {meant}known are {', '.join(known)}"
    )


def _refuse_unknown_variables() -> None:
    """Invoke passes over a variable that it does not know: a typing error would change nothing."""
    known = {variable(key) for key in dotted_names()}
    own = {"INVOKE_RUNTIME_CONFIG", "INVOKE_DEBUG"}
    own.update("INVOKE_" + path.upper() for path in _paths(Config.global_defaults()))
    for name, value in sorted(os.environ.items()):
        if name.startswith("INVOKE_") and name not in known | own:
            raise _unknown(name, value, sorted(known))


def _paths(data: Mapping[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from (f"{key}_{rest}" for rest in _paths(value))
        else:
            yield str(key)


def _checked(data: Mapping[str, Any], root: Path) -> Settings:
    try:
        return Settings.model_validate({**data, "root": root})
    except ValidationError as error:
        raise _translated(error) from error


def _translated(error: ValidationError) -> SettingsError:
    """The first of pydantic's errors, as one line."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "conflict":
        context = first["ctx"]
        key = f"{key}.{context['key']}" if key else context["key"]
        return refusal(key, context["value"], context["allowed"])
    section = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        fields = SECTIONS[section].model_fields if section in SECTIONS else SECTIONS
        return _unknown(key, first["input"], [f"{section}.{name}" for name in fields])
    if first["type"] == "missing":
        return SettingsError(f"{key}: is missing from the settings (invoke.yaml)")
    if key in SECTIONS:
        return refusal(key, first["input"], Settings.model_fields[key].description)
    return refusal(key, first["input"])


__all__ = [
    "ROOT",
    "Hello",
    "Image",
    "Network",
    "Registry",
    "Sandbox",
    "Settings",
    "dotted_names",
    "load",
    "read",
    "refusal",
    "shown",
    "variable",
]
