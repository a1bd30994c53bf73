"""The site: the names, addresses and folders that follow from a checkout's settings.

All of them are derived in ``settle`` and nowhere else. A ``Site`` is a frozen value of plain
Python: it is handed to everything that acts, it is printed for the ``Vagrantfile`` (``inv
host.settings``), and it is kept for the next command (``site_cache``).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

# src/hostonly/site.py -> the checkout; the install is editable, so it is there.
ROOT = Path(__file__).resolve().parents[2]
# Shared by all checkouts of this machine: bases, claimed names, journals.
STORE = Path("/var/lib/hostonly")
INSTANCES = STORE / "sandboxes"
# The ownership mark: the alias of a link, the name of a firewall table, … begins with it.
MARK = "hostonly"

# The mark of a bench's stock project, in the alias of its bridge: no sandbox's.
BENCH_MARK = "hostonly-bench"
# Journals of what was changed on this machine for all checkouts.
SWITCHES, MODULES = STORE / "switches.json", STORE / "modules.json"

SSH_PORT = 22
# The engine in a sandbox has its docker0 there.
DOCKER_RANGE = IPv4Network("172.17.0.0/16")

# The machines that exist without any `machines:` in the settings.
SANDBOX, SANDBOX2 = "sandbox", "sandbox2"

# The engine's socket, in a sandbox and on the host.
DOCKER_SOCKET = "/var/run/docker.sock"

# The second octet of a MAC of ours: which end it is. eth0 is on the NAT bridge, eth1 on the host-only
# one; a bridge has one of its own.
ETH0, ETH1, BRIDGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge of this machine as it must be.

    ``mark`` is its alias, ``address`` this machine's address on it, with the prefix length.
    """

    name: str
    address: IPv4Interface
    mac: str
    mark: str

    @property
    def network(self) -> IPv4Network:
        """The range of its addresses."""
        return self.address.network


@dataclass(frozen=True, slots=True)
class Link:
    """A machine's end of a bridge: the interface ``name`` in the machine."""

    name: str
    bridge: str
    address: IPv4Interface
    mac: str


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """One machine of the ``Vagrantfile``, whether it exists or not.

    ``instance`` is the provider's name for it, unique on this machine; ``memory`` is in MiB;
    ``folder`` is root's folder that says whose ``instance`` is and holds what it is made from;
    ``certificates`` is the folder of its registry's certificate; ``host_key`` is the private key by
    which its sshd proves itself; ``vagrant_id`` is Vagrant's note of the machine.
    """

    name: str
    instance: str
    provider: str
    engine: str
    memory: int
    cpus: int
    nat: Link
    host_only: Link
    box: str
    folder: Path
    certificates: Path
    host_key: Path
    vagrant_id: Path

    @property
    def address(self) -> str:
        """The address on the host-only network, as commands take it."""
        return str(self.host_only.address.ip)


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """HelloSocket's image: its repository's ``name``, and the bases of the Java and Python images.

    An empty base means one of our own.
    """

    name: str
    base: str
    python_base: str


@dataclass(frozen=True, slots=True)
class Site:
    """A checkout on this machine.

    ``root`` is the checkout, ``state`` its folder for state, caches and logs (may be absent),
    ``name`` the name of its sandboxes, ``temporary`` the prefix of its temporary folders,
    ``login_key`` the private key that the sandboxes let in, ``known_hosts`` the keys that they must
    show; ``patience`` multiplies every limit on waiting.
    """

    root: Path
    state: Path
    name: str
    temporary: str
    bridge: Bridge
    nat: Bridge
    machines: tuple[MachineSpec, ...]
    hello_port: int
    registry_port: int
    image: ImageSpec
    login_key: Path
    known_hosts: Path
    patience: int

    @property
    def bridges(self) -> tuple[Bridge, Bridge]:
        """The host-only bridge and the NAT bridge."""
        return self.bridge, self.nat

    @property
    def addresses(self) -> list[IPv4Address]:
        """The addresses in use on the host-only network: this machine's and the machines'."""
        return [self.bridge.address.ip, *(each.host_only.address.ip for each in self.machines)]

    @property
    def names(self) -> list[str]:
        """The names of its machines."""
        return [machine.name for machine in self.machines]

    @property
    def sandbox(self) -> MachineSpec:
        """The first machine: the default one, whose registry images are pushed to."""
        return self.machines[0]

    def machine(self, name: str) -> MachineSpec:
        """Return the machine called ``name``.

        Raises:
            KeyError: there is none of that name.
        """
        for machine in self.machines:
            if machine.name == name:
                return machine
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return the site in JSON's own types: addresses and paths are strings."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def of_json(data: dict[str, Any]) -> Site:
    """Return the site that ``Site.to_json`` gave.

    Raises:
        KeyError, TypeError, ValueError: it is not one, or one of another version.
    """
    whole = dict(data)
    for key in ("root", "state", "login_key", "known_hosts"):
        whole[key] = Path(whole[key])
    for key in ("bridge", "nat"):
        whole[key] = Bridge(**{**whole[key], "address": IPv4Interface(whole[key]["address"])})
    whole["image"] = ImageSpec(**whole["image"])
    whole["machines"] = tuple(map(_machine_of_json, whole["machines"]))
    return Site(**whole)


def _machine_of_json(data: dict[str, Any]) -> MachineSpec:
    whole = dict(data)
    for key in ("nat", "host_only"):
        whole[key] = Link(**{**whole[key], "address": IPv4Interface(whole[key]["address"])})
    for key in ("folder", "certificates", "host_key", "vagrant_id"):
        whole[key] = Path(whole[key])
    return MachineSpec(**whole)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int) else str(value)


def vagrant_home() -> Path:
    """Return the folder of this user's boxes and of Vagrant's index of machines."""
    return Path(os.environ.get("VAGRANT_HOME") or Path.home() / ".vagrant.d")


def mac(address: IPv4Address, end: int) -> str:
    """Return the MAC of one ``end`` (``ETH0``, ``ETH1``) of a machine by its host-only ``address``.

    For a bridge (``BRIDGE``) it is made from the bridge's own address. It is a locally administered
    one (bit 1 of its first octet, IEEE 802), so that no card has it; the address makes it unique
    here.
    """
    return ":".join(f"{octet:02x}" for octet in (0x0E, end, *address.packed))


def temporary_prefix(root: Path) -> str:
    """Return the prefix of temporary folders of the checkout at ``root``, wherever they lie."""
    return f"{MARK}-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}-"


def instance_name(sandboxes: str, machine: str) -> str:
    """Return the provider's name for ``machine``, in a checkout whose prefix is ``sandboxes``."""
    return f"{sandboxes}-{machine}"


def box_name(root: Path, provider: str) -> str:
    """Return the name of the box of ``provider``, which is made from the box's content.

    Checkouts of different ages must not share a box by mistake.
    """
    return box_of(sorted((root / "packer" / "guest" / provider).iterdir()))


def box_of(files: list[Path]) -> str:
    """Return the name of a box that holds ``files``.

    Raises:
        OSError: one cannot be read.
    """
    content = b"".join(file.read_bytes() for file in files)
    return f"{MARK}-{hashlib.sha256(content).hexdigest()[:12]}"
