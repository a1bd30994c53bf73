"""Containers and networks as the engine describes them: ``docker … inspect``.

Source of the format: Docker Engine API v1.41 (20.10), the responses of ``ContainerInspect`` and
``NetworkInspect``, which ``docker inspect`` prints as a JSON list, and ``ContainerList``, as the
engine's socket gives it. Only fields that claims need are read; they are the same up to v1.52 (29).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hostonly.facts.fact import Fact, NotObserved, Unreadable, json_list, read, select
from hostonly.facts.questions import Question, question
from hostonly.vantages import Result

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DockerEndpoint:
    """A container's place in one network.

    Where the engine gives none (host, none) ``address`` and ``gateway`` are None, and ``mac`` is
    empty. ``address6`` and ``gateway6`` are IPv6's."""

    network: str
    network_id: str
    address: str | None
    prefix: int
    gateway: str | None
    mac: str
    address6: str | None = None
    gateway6: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A published ``container_port``, to be reached at ``host_address``:``host_port``."""

    container_port: int
    protocol: str
    host_address: str
    host_port: int


@dataclass(frozen=True, slots=True)
class DockerContainer:
    """A container, as the engine describes it in full.

    ``pid`` is its init's number on the sandbox, 0 where it does not run. ``image`` is the image's
    id. ``network_mode`` is ``host``, ``none``, ``default``, ``container:ID`` or a network's name.
    ``error`` is why the engine could not start it, ``exit_code`` its init's last. ``auto_remove``
    says that the engine removes it when it ends (``docker run --rm``)."""

    id: str
    name: str
    image: str
    status: str
    pid: int
    network_mode: str
    labels: tuple[tuple[str, str], ...]
    endpoints: tuple[DockerEndpoint, ...]
    published: tuple[PublishedPort, ...]
    exit_code: int = 0
    error: str = ""
    auto_remove: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """The container's IPv4 addresses, one for each network that gives one."""
        return tuple(end.address for end in self.endpoints if end.address is not None)

    @property
    def running(self) -> bool:
        """Whether the container's init runs."""
        return self.pid > 0


@dataclass(frozen=True, slots=True)
class ListedContainer:
    """A container, as the engine lists it.

    ``image`` is the reference that it was made with, or an id where that now names another image.
    """

    name: str
    image: str
    published: tuple[PublishedPort, ...]


@dataclass(frozen=True, slots=True)
class DockerNetwork:
    """A network of the engine's.

    ``subnets`` are in CIDR notation, ``gateways`` without prefix. ``members`` are the names of the
    containers attached now. ``peers`` are the addresses of the machines that an overlay network
    spans, as far as this engine knows."""

    id: str
    name: str
    driver: str
    internal: bool
    subnets: tuple[str, ...]
    gateways: tuple[str, ...]
    members: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    attachable: bool = False
    peers: tuple[str, ...] = ()

    @property
    def link(self) -> str:
        """The name of the network's bridge on the sandbox, where its driver is ``bridge``."""
        # The engine's rule, where no name was asked for.
        return dict(self.options).get("com.docker.network.bridge.name", f"br-{self.id[:12]}")


def container(name: str) -> Question[DockerContainer]:
    """Ask for the container with the name or id ``name``."""
    return question(["docker", "container", "inspect", name], parse_container)


def containers(*names: str) -> Question[tuple[DockerContainer, ...]]:
    """Ask for the containers called ``names``, one or more."""
    return question(["docker", "container", "inspect", *names], parse_containers)


def running() -> Question[tuple[DockerContainer, ...]]:
    """Ask for every container that runs, whoever started it."""

    def inspected(
        listed: Result,
    ) -> Fact[tuple[DockerContainer, ...]] | Question[tuple[DockerContainer, ...]]:
        ids = read(listed, str.split)
        if isinstance(ids, NotObserved) or not ids.value:
            return select(ids, lambda _: ())

        def with_both(result: Result) -> Fact[tuple[DockerContainer, ...]]:
            found = read(result, parse_containers)
            return replace(found, evidence=(listed, *found.evidence))

        return Question(containers(*ids.value).argv, with_both)

    return Question(("docker", "ps", "--quiet", "--no-trunc"), inspected)


def network(name: str) -> Question[DockerNetwork]:
    """Ask for the network called ``name``."""
    return question(["docker", "network", "inspect", name], parse_network)


def network_names() -> Question[tuple[tuple[str, str], ...]]:
    """Ask for name and driver of every network that the engine has."""
    listing = ["docker", "network", "ls", "--format", "{{.Name}} {{.Driver}}"]
    return question(listing, parse_network_names)


def parse_network_names(output: str) -> tuple[tuple[str, str], ...]:
    """Read names and drivers, as ``network_names`` has them printed.

    Raises:
        Unreadable: ``bridge``, ``host`` or ``none``, which every engine has, is missing.
    """
    pairs = [line.partition(" ") for line in output.splitlines()]
    names = tuple((name, driver) for name, _, driver in pairs)
    if not {"bridge", "host", "none"} <= {name for name, _ in names}:
        raise Unreadable("not even the networks that every engine has are listed")
    return names


def parse_container(output: str) -> DockerContainer:
    """Read ``docker container inspect`` of one container."""
    return _one(output, _container)


def parse_containers(output: str) -> tuple[DockerContainer, ...]:
    """Read ``docker container inspect`` of several containers."""
    return tuple(_made(item, _container) for item in json_list(output))


def parse_listed(output: str) -> tuple[ListedContainer, ...]:
    """Read the engine's own list of containers, ``/containers/json``."""
    return tuple(_made(item, _listed) for item in json_list(output))


def parse_network(output: str) -> DockerNetwork:
    """Read ``docker network inspect`` of one network."""
    return _one(output, _network)


def _one(output: str, make: Callable[[dict[str, Any]], T]) -> T:
    items = json_list(output)
    if len(items) != 1:
        raise Unreadable(f"{len(items)} objects where one was asked for")
    return _made(items[0], make)


def _made(item: dict[str, Any], make: Callable[[dict[str, Any]], T]) -> T:
    try:
        return make(item)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"not as the engine's API describes it: {error!r}") from error


def _pairs(mapping: dict[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((mapping or {}).items()))


def _container(item: dict[str, Any]) -> DockerContainer:
    site = item["NetworkSettings"]
    return DockerContainer(
        id=item["Id"],
        name=item["Name"].removeprefix("/"),
        image=item["Image"],
        status=item["State"]["Status"],
        pid=int(item["State"]["Pid"]),
        network_mode=item["HostConfig"]["NetworkMode"],
        labels=_pairs(item["Config"]["Labels"]),
        endpoints=tuple(
            DockerEndpoint(
                name,
                end["NetworkID"],
                end["IPAddress"] or None,
                int(end["IPPrefixLen"]),
                end["Gateway"] or None,
                end.get("MacAddress") or "",
                end.get("GlobalIPv6Address") or None,
                end.get("IPv6Gateway") or None,
            )
            for name, end in sorted(site["Networks"].items())
        ),
        published=tuple(
            PublishedPort(
                int(inside.partition("/")[0]),
                inside.partition("/")[2],
                binding["HostIp"],
                int(binding["HostPort"]),
            )
            for inside, bindings in sorted((site["Ports"] or {}).items())
            for binding in bindings or ()
        ),
        exit_code=int(item["State"]["ExitCode"]),
        error=item["State"]["Error"],
        auto_remove=item["HostConfig"]["AutoRemove"],
    )


def _listed(item: dict[str, Any]) -> ListedContainer:
    return ListedContainer(
        # Links give a container further names, with a slash inside.
        min(item["Names"], key=len).removeprefix("/"),
        item["Image"],
        tuple(
            PublishedPort(
                int(port["PrivatePort"]),
                port["Type"],
                port.get("IP", ""),
                int(port["PublicPort"]),
            )
            for port in item["Ports"]
            if "PublicPort" in port
        ),
    )


def _network(item: dict[str, Any]) -> DockerNetwork:
    configs = item["IPAM"]["Config"] or ()
    return DockerNetwork(
        id=item["Id"],
        name=item["Name"],
        driver=item["Driver"],
        internal=bool(item["Internal"]),
        subnets=tuple(config["Subnet"] for config in configs if "Subnet" in config),
        gateways=tuple(config["Gateway"] for config in configs if config.get("Gateway")),
        members=tuple(sorted(c["Name"] for c in (item.get("Containers") or {}).values())),
        options=_pairs(item.get("Options")),
        labels=_pairs(item.get("Labels")),
        attachable=bool(item.get("Attachable")),
        peers=tuple(sorted(peer["IP"] for peer in item.get("Peers") or ())),
    )
