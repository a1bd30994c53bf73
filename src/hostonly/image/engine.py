"""The sandbox's engine, as the Docker SDK and Packer on the host see it: a forwarded socket.

Nothing in the sandbox listens for Docker on the network; ssh carries the engine's own socket to a
socket in a folder that only this user can enter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.sandbox.machine import Machine
from hostonly.waiting import limit, more_patience, retry

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container
    from docker.models.images import Image

REQUEST_SECONDS = 120
# The kernel's words (ENOSPC), which the engine passes on.
NO_ROOM = "no space left on device"
# containerd's, of the layer that a container would lie on.
COLLECTED = "parent snapshot"
COLLECTED_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine at ``place``, which is ``sandbox``, or ``host`` for the host's own.

    ``environment`` leads the ``docker`` command to it (DOCKER_HOST, …). ``cli`` returns the folder
    of that command, or None where it is on the PATH. ``client`` is the SDK's."""

    place: str
    environment: Mapping[str, str]
    cli: Callable[[], Path | None]
    client: docker.DockerClient

    def find(self, reference: str) -> Image | None:
        """Return the image that ``reference``, a name or an id, means; None without an image."""
        from docker.errors import ImageNotFound

        try:
            return self.client.images.get(reference)
        except ImageNotFound:
            return None

    def has(self, reference: str) -> bool:
        """Return whether the engine has an image that ``reference``, a name or an id, means."""
        return self.find(reference) is not None

    def layers(self, reference: str) -> tuple[str, ...]:
        """Return the digests of an image's layers, unpacked, from the bottom."""
        return tuple(self.client.images.get(reference).attrs["RootFS"].get("Layers") or ())

    def create(self, reference: str, **options: Any) -> Container:
        """Create a container of the image ``reference``, not started; ``options`` are the SDK's.

        An engine with containerd unpacks an image for a container, and may lose a layer to
        containerd's garbage collector in the same moment: asked again, it unpacks the image again.
        """
        from docker.errors import APIError

        return retry(
            lambda: self.client.containers.create(reference, **options),
            lambda error: isinstance(error, APIError) and COLLECTED in str(error),
            COLLECTED_SECONDS,
            pause=0.5,
        )

    def by_containerd(self) -> bool:
        """Return whether containerd keeps the images; an id is no configuration's digest then."""
        status = self.client.info().get("DriverStatus") or []
        return ["driver-type", "io.containerd.snapshotter.v1"] in status


@contextlib.contextmanager
def understood(place: str, typed: str | None = None) -> Iterator[None]:
    """Turn the SDK's errors in this context into ours, with what was asked and what was answered.

    ``place`` is the engine's; ``typed`` is the request as somebody would type it.

    Raises:
        ToolFailed: the engine refused.
        Unreachable: the engine does not answer any more, or broke off.
    """
    from docker.errors import APIError, DockerException, ImageLoadError
    from requests import RequestException, Timeout
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (DockerException, RequestException, HTTPError) as error:
        response = getattr(error, "response", None)
        request = getattr(response, "request", None) or getattr(error, "request", None)
        ran = f"{request.method} {request.path_url} (Docker's API)" if request else None
        said = str((isinstance(error, APIError) and error.explanation) or error)
        full = NO_ROOM in said
        inside = "./inv sandbox.exec -- " if place == "sandbox" else ""
        # In the middle of an answer it is urllib3 that sees an engine die, and nobody in between.
        broken = isinstance(error, HTTPError)
        gone = broken or (isinstance(error, RequestException) and response is None)
        raise (Unreachable if gone else ToolFailed)(
            f"the {place}'s engine has no room left"
            if full
            else f"the {place}'s engine {'broke off' if broken else 'did not do it'}",
            # Of this one the SDK keeps the engine's words only.
            ran=typed or ("docker load" if isinstance(error, ImageLoadError) else ran),
            output=said,
            remedy=f"{inside}docker system prune makes room"
            if full
            else f"{inside}sudo journalctl --unit docker --priority warning"
            + (f"   {more_patience()}" if isinstance(error, Timeout) else ""),
        ) from error


@contextlib.contextmanager
def sandbox_engine(machine: Machine) -> Iterator[Engine]:
    """Yield the engine of ``machine``, over the ssh connection that this checkout's commands share.

    Raises:
        Unreachable: there is no way to the engine, or it does not answer.
        ToolFailed: the engine refused a request meanwhile.
    """
    machine.require_route()
    with machine.shared.engine_socket(machine.provider.boot(), machine.site.temporary) as path:
        import docker
        from docker.errors import DockerException

        url = f"unix://{path}"
        try:
            # It asks the engine for its version, and so finds out whether it answers.
            client = docker.DockerClient(base_url=url, timeout=round(limit(REQUEST_SECONDS)))
        except (DockerException, OSError) as error:
            raise Unreachable(
                f"the engine of {machine.name} does not answer: {error}",
                remedy="./inv sandbox.exec -- systemctl status docker",
            ) from error
        try:
            with understood("sandbox"):
                yield Engine("sandbox", {"DOCKER_HOST": url}, lambda: docker_cli(machine), client)
        finally:
            client.close()


def docker_cli(machine: Machine) -> Path:
    """Return a folder for PATH that holds the ``docker`` command of the sandbox's own version.

    Packer drives an engine by that command. It is taken from the sandbox's base, so that the host
    needs no engine of its own to have a client.

    Raises:
        HostonlyError: the base has none.
    """
    below = machine.provider.root_file_system()
    program = (below or Path("/nonexistent")) / "usr" / "bin" / "docker"
    if not program.is_file():
        raise HostonlyError(
            f"there is no docker command in the base of {machine.name}: {program}",
            remedy="./inv sandbox.destroy, then ./inv sandbox.up",
        )
    folder = machine.site.state / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "docker"
    if not link.is_symlink() or link.readlink() != program:
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    return folder
