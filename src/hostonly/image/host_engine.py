"""The host's own engine, found as the user's ``docker`` finds it; nothing of it is changed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hostonly.errors import HostonlyError, Unreachable
from hostonly.image.engine import REQUEST_SECONDS, Engine, understood
from hostonly.site import DOCKER_SOCKET
from hostonly.waiting import limit

if TYPE_CHECKING:
    from docker.tls import TLSConfig

SOCKET = f"unix://{DOCKER_SOCKET}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way to an engine: ``url`` as in DOCKER_HOST, and in ``because`` what names it.

    ``certificates`` is the folder of the certificates where the engine wants TLS; ``verify`` says
    whether the engine's own certificate is checked."""

    url: str
    because: str
    certificates: Path | None = None
    verify: bool = True

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the ``docker`` command the same way."""
        told = {"DOCKER_HOST": self.url, "DOCKER_CONTEXT": ""}
        if self.certificates is not None:
            told["DOCKER_CERT_PATH"] = str(self.certificates)
            told["DOCKER_TLS_VERIFY" if self.verify else "DOCKER_TLS"] = "1"
        return told

    def tls(self) -> TLSConfig | None:
        """Return the TLS settings that lead the SDK the same way; None without TLS."""
        from docker.tls import TLSConfig

        if self.certificates is None:
            return None
        folder = self.certificates
        return TLSConfig(
            client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
            ca_cert=str(folder / "ca.pem") if self.verify else None,
            verify=self.verify,
        )


def find_way(environment: Mapping[str, str] = os.environ) -> Endpoint:
    """Return the way of the user's ``docker``: DOCKER_HOST, the context, or the socket of Docker.

    Source: docker(1), "Environment variables", and ``docker context``.

    Raises:
        HostonlyError: the context that is asked for does not exist.
    """
    from docker.context import ContextAPI

    if url := environment.get("DOCKER_HOST"):
        wants_tls = environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_TLS")
        given = environment.get("DOCKER_CERT_PATH") or str(Path.home() / ".docker")
        return Endpoint(
            url,
            "DOCKER_HOST",
            Path(given) if wants_tls else None,
            bool(environment.get("DOCKER_TLS_VERIFY")),
        )
    asked = environment.get("DOCKER_CONTEXT") or None
    if asked == "default":
        return Endpoint(SOCKET, "the default context")
    context = ContextAPI.get_context(asked)
    if context is None:
        raise HostonlyError(
            f"there is no Docker context {asked or 'as the configuration names it'}",
            ran="docker context ls",
            remedy="docker context use default, or set DOCKER_HOST",
        )
    if context.name == "default":
        return Endpoint(SOCKET, "the default context")
    endpoint = context.endpoints["docker"]
    folder = Path(context.tls_path or "/nonexistent") / "docker"
    verify = not endpoint.get("SkipTLSVerify", False)
    return Endpoint(
        endpoint["Host"],
        f"the context {context.name}",
        folder if folder.is_dir() else None,
        verify,
    )


@contextlib.contextmanager
def host_engine(cli: Path | None) -> Iterator[Engine]:
    """Yield the host's own engine; ``cli`` is a folder with ``docker`` for a host without it.

    Raises:
        Unreachable: the engine does not answer.
        ToolFailed: the engine refused a request meanwhile.
    """
    import docker
    from docker.errors import DockerException

    way = find_way()
    try:
        client = docker.DockerClient(
            base_url=way.url,
            tls=way.tls() or False,
            timeout=round(limit(REQUEST_SECONDS)),
            use_ssh_client=way.url.startswith("ssh://"),
        )
        client.ping()
    except DockerException as error:
        raise Unreachable(
            f"the host's engine does not answer at {way.url} (by {way.because})",
            ran="GET /_ping (Docker's API)",
            output=str(error),
            remedy="start Docker on the host or set DOCKER_HOST; or use the sandbox's engine "
            "(--on sandbox, --from sandbox), which needs nothing on the host",
        ) from error
    try:
        with understood("host"):
            yield Engine("host", way.environment, lambda: cli, client)
    finally:
        client.close()
